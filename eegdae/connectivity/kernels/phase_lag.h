// Means over time of Im s_xy, its modulus and its sign, s_xy(t) = sum_k z_kx(t) conj(z_ky(t)).
//
// Of signals scaled to a peak of about 1; a pair without a lag (see phase_lag_sums.py) has 0 everywhere.

#pragma once

#include "signals.h"

namespace eegdae {

template <class T, bool kSign> struct PhaseLag : Signals<T, 2> {
    static constexpr int X = 2, Y = 2, L = Simd<T>::lanes;
    using Int = std::remove_reference_t<decltype(Mask<T>()[0])>;

    PhaseLag(const int64_t *shape)
        : Signals<T, 2>(shape), size(this->chans), peak(this->chans), sums(this->rows * this->rows),
          sizes(sums.size()), signs(sums.size()) {}

    void run(const T *z, T *mean, T *mean_size, T *mean_sign) {
        for (auto *v : {&size, &peak, &sums, &sizes, &signs}) std::fill(v->begin(), v->end(), 0.0);
        this->find_scales(z);
        for (int64_t start = 0; start < this->times; start += kTile) {
            this->read(z, start);
            for (int64_t x = 0; x < this->chans; x++) add_amplitude(x);
            for (int64_t x = 0; x < this->chans; x += X)
                for (int64_t y = x; y < this->chans; y += Y) add(x, y);
        }
        for (int64_t x = 0; x < this->chans; x++)
            for (int64_t y = x; y < this->chans; y++) finish(x, y, mean, mean_size, mean_sign);
    }

    void add_amplitude(int64_t x) {
        alignas(kBytes) T length[kTile];
        this->amplitude(x, length);
        Vec<T> sum{};
        for (int64_t t = 0; t < this->padded; t += L) sum += load(length + t);
        store(lanes_sum[0], sum);
        size[x] += total(lanes_sum[0]);
        peak[x] = std::max(peak[x], double(largest(length, this->padded)));
    }

    void add(int64_t x, int64_t y) {
        Vec<T> sum[X][Y] = {}, modulus[X][Y] = {};
        Mask<T> sign[X][Y] = {};
        for (int64_t t = 0; t < this->padded; t += L) {
            Vec<T> lag[X][Y] = {};
            for (int64_t k = 0; k < this->tapers; k++) {
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

    void finish(int64_t x, int64_t y, T *mean, T *mean_size, T *mean_sign) {
        const int64_t at = x * this->rows + y, here = x * this->chans + y, there = y * this->chans + x;
        const double n = double(this->times), unit = std::ldexp(1.0, -2 * kPeak<T>) / n;
        const double epsilons = kRounding * std::numeric_limits<T>::epsilon();
        const bool none = x == y || sizes[at] <= epsilons * (size[x] * peak[y] + size[y] * peak[x]);
        mean_size[here] = mean_size[there] = none ? T(0) : T(sizes[at] * unit);
        const T value = none ? T(0) : T(sums[at] * unit);
        mean[there] = -value, mean[here] = value;
        if (kSign) {
            const T share = none ? T(0) : T(std::isnan(sizes[at]) ? sizes[at] : signs[at] / n);
            mean_sign[there] = -share, mean_sign[here] = share;
        }
    }

    alignas(kBytes) T lanes_sum[X * Y][L], lanes_size[X * Y][L];
    alignas(kBytes) Int lanes_sign[X * Y][L];
    std::vector<double> size, peak, sums, sizes, signs;
};

template <class T, bool kSign>
int phase_lag(const T *z, const int64_t *shape, int threads, T *mean, T *size, T *sign) {
    using Kernel = PhaseLag<T, kSign>;
    return for_each_item<Kernel>(shape, threads, [=](Kernel &kernel, int64_t item) {
        const int64_t at = item * shape[2] * shape[2];
        kernel.run(z + 2 * item * shape[4], mean + at, size + at, kSign ? sign + at : nullptr);
    });
}

// sign may be null; it costs as much as the rest.
template <class T> int phase_lag(const T *z, const int64_t *shape, int threads, T *mean, T *size, T *sign) {
    return sign ? phase_lag<T, true>(z, shape, threads, mean, size, sign)
                : phase_lag<T, false>(z, shape, threads, mean, size, sign);
}

}  // namespace eegdae
