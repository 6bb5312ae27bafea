/* assembly.h: what assemblers write in different ways, for the .S files of this folder. */
#ifndef WEFT_CONTEXT_ASSEMBLY_H
#define WEFT_CONTEXT_ASSEMBLY_H

/* NAME: a C function's symbol. LOCAL: a label that no symbol table shows. FUNCTION and
 * LOCAL_FUNCTION stand before a function's label, END behind its last instruction. */
/* clang-format off */
#if defined(__APPLE__)
#define NAME(name)           _##name
#define LOCAL(name)          L##name
#if defined(__aarch64__)
#define FUNCTION(name)       .globl _##name %% .p2align 6 /* there a semicolon begins a comment */
#else
#define FUNCTION(name)       .globl _##name; .p2align 6
#endif
#define LOCAL_FUNCTION(name) .p2align 4
#define END(name)
#else
#if defined(__aarch64__)
#define FUNCTION_TYPE        %function
#else
#define FUNCTION_TYPE        @function
#endif
#define NAME(name)           name
#define LOCAL(name)          .L##name
#define FUNCTION(name)       .globl name; .type name, FUNCTION_TYPE; .p2align 6
#define LOCAL_FUNCTION(name) .type name, FUNCTION_TYPE; .p2align 4
#define END(name)            .size name, . - name
#endif
/* clang-format on */

#endif
