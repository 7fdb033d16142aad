// Sums over time of products of every two channels, for which torch would go through memory once for each step.
//
// Compiled on first use and called by compiled.py, once for EEGDAE_TYPE float, once for double. Every function takes complex signals, real and imaginary parts
// interleaved, with `shape` = n_items, n_tapers, n_chans, n_times and the strides of the first three axes in complex
// numbers; the last axis is contiguous. It fills matrices (n_items, n_chans, n_chans), row x, column y, and returns
// 0, or 1 where there was no memory.

#include "envelope.h"
#include "phase_lag.h"
#include "phase_locking.h"

extern "C" {

int phase_lag(const EEGDAE_TYPE *z, const int64_t *shape, int threads, EEGDAE_TYPE *wpli, EEGDAE_TYPE *pli,
              EEGDAE_TYPE *dpli) {
    return eegdae::phase_lag(z, shape, threads, wpli, pli, dpli);
}

int phase_locking(const EEGDAE_TYPE *z, const int64_t *shape, int threads, EEGDAE_TYPE *mean) {
    return eegdae::phase_locking(z, shape, threads, mean);
}

int orthogonal_envelopes(const EEGDAE_TYPE *z, const int64_t *shape, int threads, int absolute, EEGDAE_TYPE *r) {
    return eegdae::orthogonal_envelopes(z, shape, threads, absolute, r);
}
}
