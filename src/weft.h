/* weft.h: the one public header of Weft, a fiber runtime.
 *
 * Errors are values: a function returns 0 or a count, or a negative errno value. It
 * never sets errno, prints nothing, and never exits. */
#ifndef WEFT_H
#define WEFT_H

#ifdef __cplusplus
extern "C" {
#endif

/* A deadline of ours expired. A code of Weft's own, above every errno value, so that it
 * is never taken for the ETIMEDOUT that a peer's network stack reports. */
#define WEFT_EDEADLINE 10000

/* Says in a few words what `error` means: 0, a negative errno value, or
 * -WEFT_EDEADLINE.
 *
 * Returns a static string, never NULL; the caller does not free it.
 * Does not suspend; not a cancelation point; any thread may call it, and signal
 * handlers. */
const char *weft_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
