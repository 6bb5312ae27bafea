"""conditions: conditions on the platform stand only where the platform is hidden.

src/poller/, src/base/system_* and src/context/ are the places. What a compiler or a
sanitizer defines about itself is no platform.
"""

from __future__ import annotations

import re

from common import Report, Tree, counted, run

ALLOWED = ("src/poller/", "src/base/system_", "src/context/")
MACRO = re.compile(
    r"\b(?:__x86_64(?:__)?|__amd64(?:__)?|_M_X64|_M_AMD64|__i386(?:__)?|_M_IX86|__aarch64__|"
    r"__arm64__|_M_ARM64|__arm__|__riscv\w*|__powerpc\w*|__s390x?__|__linux(?:__)?|"
    r"__gnu_linux__|__APPLE__|__MACH__|TARGET_OS_\w+|__FreeBSD\w*|__NetBSD\w*|__OpenBSD\w*|"
    r"__DragonFly\w*|__unix(?:__)?|__ANDROID__|__sun|_WIN32|_WIN64|__CYGWIN__|__MINGW\w*|"
    r"__ELF__|__GLIBC\w*|__BIONIC__|__LP64__|__BYTE_ORDER__|__SSE\w*__|__AVX\w*__|__CET__|"
    r"__ARM_FEATURE_\w+|__ILP32__)\b")


def check(tree: Tree, report: Report) -> str:
    sources = tree.sources("src", "trace", "chapters", suffixes=(".c", ".h", ".S", ".def"))
    for source in sources:
        if source.path.startswith(ALLOWED):
            continue
        for number, code in enumerate(source.code_lines, 1):
            for macro in MACRO.findall(code):
                report.add(source.path, number, f"{macro} here; conditions on the platform "
                                                f"stand in {', '.join(ALLOWED)}")
    return counted(len(sources), "file")


if __name__ == "__main__":
    run("conditions", check)
