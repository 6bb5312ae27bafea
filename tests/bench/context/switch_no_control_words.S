/* switch_no_control_words.S: the switch of src/context/, assembled a second time without the
 * floating-point control words, under names of its own. */
#define CONTEXT_NO_CONTROL_WORDS
#define context_swap context_swap_no_control_words
#define context_hop context_hop_no_control_words
#define context_drop context_drop_no_control_words
#define context_resumed context_resumed_no_control_words
#define context_entry context_entry_no_control_words
#define context_prepare context_prepare_no_control_words
#define context_control_words context_control_words_no_control_words
#include "context/context_x86_64.S"
