/* Criterion runs tests through BoxFort, which maps an arena at an address drawn with
 * rand_r() from a range that ThreadSanitizer keeps for its shadow memory. This rand_r,
 * linked into TSan builds of the tests only, draws from the part that TSan leaves to
 * the program. */
int rand_r(unsigned *seed);

int rand_r(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return (int)(0x366000u + (*seed >> 16) % 0x1000u);
}
