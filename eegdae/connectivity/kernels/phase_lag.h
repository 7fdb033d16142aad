// wPLI, PLI and dPLI from the sums over time of Im s_xy, its modulus and its sign, s_xy(t) = sum_k z_kx(t) conj(z_ky(t)).
//
// A pair without a lag (see phase_lag_sums.py) has wPLI 0, PLI 0, dPLI .5.

#pragma once

#include "signals.h"

namespace eegdae {

template <class T, bool kSign> struct PhaseLag : Signals<T, 2> {
    static constexpr int X = 2, Y = 2, L = Simd<T>::lanes;
    using Int = std::remove_reference_t<decltype(Mask<T>()[0])>;

    PhaseLag(const int64_t *shape)
        : Signals<T, 2>(shape), size(this->chans), peak(this->chans), sums(this->rows * this->rows),
          sizes(sums.size()), signs(sums.size()) {}

    void run(const T *z, T *wpli, T *pli, T *dpli) {
        for (auto *v : {&sums, &sizes, &signs}) std::fill(v->begin(), v->end(), 0.0);
        amplitudes_known = false;
        this->find_scales(z);
        for (int64_t start = 0; start < this->times; start += this->tile) {
            this->read(z, start);
            for (int64_t x = 0; x < this->chans; x += X)
                for (int64_t y = x; y < this->chans; y += Y) this->tapers > 1 ? add<true>(x, y) : add<false>(x, y);
        }
        for (int64_t x = 0; x < this->chans; x++)
            for (int64_t y = x; y < this->chans; y++) finish(z, x, y, wpli, pli, dpli);
    }

    template <bool kTapers> void add(int64_t x, int64_t y) {
        const int64_t tapers = kTapers ? this->tapers : 1;
        Vec<T> sum[X][Y] = {}, modulus[X][Y] = {};
        Mask<T> sign[X][Y] = {};
        for (int64_t t = 0; t < this->padded; t += L) {
            Vec<T> lag[X][Y] = {};
            for (int64_t k = 0; k < tapers; k++) {
                const int64_t row = k * this->rows;
                Vec<T> x_re[X], x_im[X];
                for (int i = 0; i < X; i++) {
                    x_re[i] = load(this->re[row + x + i] + t), x_im[i] = load(this->im[row + x + i] + t);
                    keep(x_re[i]), keep(x_im[i]);
                }
                for (int j = 0; j < Y; j++) {
                    Vec<T> y_re = load(this->re[row + y + j] + t), y_im = load(this->im[row + y + j] + t);
                    keep(y_re), keep(y_im);
                    for (int i = 0; i < X; i++) {
                        lag[i][j] += x_im[i] * y_re;
                        lag[i][j] -= x_re[i] * y_im;
                    }
                }
            }
            for (int i = 0; i < X; i++)
                for (int j = 0; j < Y; j++) {
                    const Vec<T> v = lag[i][j];
                    sum[i][j] += v;
                    modulus[i][j] += absolute<T>(v);
                    if (kSign) {
                        sign[i][j] = v > 0 ? sign[i][j] + 1 : sign[i][j];
                        sign[i][j] = v < 0 ? sign[i][j] - 1 : sign[i][j];
                    }
                }
        }
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                store(lanes_size[i * Y + j], modulus[i][j]);
                store(lanes_sum[i * Y + j], sum[i][j]);
                if (kSign) store(lanes_sign[i * Y + j], sign[i][j]);
            }
        add_totals(x, y);
    }

    // On its own: inlined, it makes the compiler keep the sums of the loop above in memory.
    __attribute__((noinline)) void add_totals(int64_t x, int64_t y) {
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                const int64_t at = (x + i) * this->rows + y + j;
                sizes[at] += total(lanes_size[i * Y + j]);
                sums[at] += total(lanes_sum[i * Y + j]);
                if (kSign) signs[at] += total<Int, L>(lanes_sign[i * Y + j]);
            }
    }

    // Whether the sum of abs Im s_xy is no more than 16 epsilons of |z_x| max|z_y| for each sample. Amplitudes cost
    // a quarter of the rest, so they are left out where the sum is more than they could ever allow.
    bool is_rounding(const T *z, int64_t x, int64_t y, double sum) {
        const double epsilons = kRounding * std::numeric_limits<T>::epsilon();
        const double highest = 2.0 * double(this->tapers) * std::ldexp(1.0, 2 * kPeak<T>);  // of |z_x| |z_y|
        if (sum > 2 * epsilons * highest * double(this->times)) return false;
        if (!amplitudes_known) find_amplitudes(z);
        return sum <= epsilons * (size[x] * peak[y] + size[y] * peak[x]);
    }

    void find_amplitudes(const T *z) {
        alignas(kBytes) T length[kTile];
        std::fill(size.begin(), size.end(), 0.0);
        std::fill(peak.begin(), peak.end(), 0.0);
        for (int64_t start = 0; start < this->times; start += this->tile) {
            this->read(z, start);
            for (int64_t x = 0; x < this->chans; x++) {
                this->amplitude(x, length);
                for (int64_t t = 0; t < this->count; t++) size[x] += length[t];
                peak[x] = std::max(peak[x], double(largest(length, this->count)));
            }
        }
        amplitudes_known = true;
    }

    void finish(const T *z, int64_t x, int64_t y, T *wpli, T *pli, T *dpli) {
        const int64_t at = x * this->rows + y, here = x * this->chans + y, there = y * this->chans + x;
        const bool none = x == y || is_rounding(z, x, y, sizes[at]);
        if (wpli) wpli[here] = wpli[there] = none ? T(0) : T(limited(std::abs(sums[at]) / sizes[at]));
        double sign = none ? 0.0 : signs[at] / double(this->times);
        if (std::isnan(sizes[at]) && x != y) sign = sizes[at];  // the sign of NaN was 0
        if (pli) pli[here] = pli[there] = T(std::abs(sign));
        if (dpli) dpli[here] = T((1 + sign) / 2), dpli[there] = T((1 - sign) / 2);
    }

    static double limited(double value) { return value > 1 ? 1 : value; }

    alignas(kBytes) T lanes_sum[X * Y][L], lanes_size[X * Y][L];
    alignas(kBytes) Int lanes_sign[X * Y][L];
    bool amplitudes_known = false;
    std::vector<double> size, peak, sums, sizes, signs;
};

// Each of the three may be null. The signs cost as much as the rest.
template <class T> int phase_lag(const T *z, const int64_t *shape, int threads, T *wpli, T *pli, T *dpli) {
    auto work = [=](auto &kernel, int64_t item) {
        const int64_t at = item * shape[2] * shape[2];
        auto matrix = [=](T *all) { return all ? all + at : all; };
        kernel.run(z + 2 * item * shape[4], matrix(wpli), matrix(pli), matrix(dpli));
    };
    return pli || dpli ? for_each_item<PhaseLag<T, true>>(shape, threads, work)
                       : for_each_item<PhaseLag<T, false>>(shape, threads, work);
}

}  // namespace eegdae
