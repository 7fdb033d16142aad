// Mean over time of s_xy / |s_xy|, s_xy(t) = sum_k z_kx(t) conj(z_ky(t)): complex, Hermitian, diagonal 1.

#pragma once

#include "signals.h"

namespace eegdae {

template <class T> struct PhaseLocking : Signals<T, 2> {
    static constexpr int X = 2, Y = kRegisters == 32 ? 2 : 1, L = Simd<T>::lanes;

    PhaseLocking(const int64_t *shape) : Signals<T, 2>(shape), sums(2 * this->rows * this->rows) {}

    void run(const T *z, T *mean) {
        std::fill(sums.begin(), sums.end(), 0.0);
        this->find_scales(z);
        for (int64_t start = 0; start < this->times; start += this->tile) {
            this->read(z, start);
            if (this->tapers == 1) {
                for (int64_t x = 0; x < this->chans; x++) make_units(this->re[x], this->im[x]);
                for (int64_t x = 0; x < this->chans; x += X)
                    for (int64_t y = x / Y * Y; y < this->chans; y += Y) add_units(x, y);
                continue;
            }
            for (int64_t x = 0; x < this->chans; x += X)
                for (int64_t y = x; y < this->chans; y += Y) add(x, y);
        }
        const double n = double(this->times);
        for (int64_t x = 0; x < this->chans; x++)
            for (int64_t y = x; y < this->chans; y++) {
                const double *sum = &sums[2 * (x * this->rows + y)];
                T *here = mean + 2 * (x * this->chans + y), *there = mean + 2 * (y * this->chans + x);
                there[0] = here[0] = x == y ? T(1) : T(sum[0] / n);
                there[1] = x == y ? T(0) : T(-sum[1] / n);
                here[1] = -there[1];
            }
    }

    // e^(i phi) in the place of a channel's signal, 0 where the amplitude is 0.
    void make_units(T *__restrict r, T *__restrict i) {
        for (int64_t t = 0; t < this->padded; t++) {
            const T square = r[t] * r[t] + i[t] * i[t];
            const T by = 1 / std::sqrt(square == 0 ? T(1) : square);
            r[t] *= by;
            i[t] *= by;
        }
    }

    // Without tapers s / |s| is a product of units, and what is left is a matrix product, of which half is needed.
    void add_units(int64_t x, int64_t y) {
        Vec<T> sum_re[X][Y] = {}, sum_im[X][Y] = {};
        for (int64_t t = 0; t < this->padded; t += L)
            for (int j = 0; j < Y; j++) {
                Vec<T> y_re = load(this->re[y + j] + t), y_im = load(this->im[y + j] + t);
                keep(y_re), keep(y_im);
                for (int i = 0; i < X; i++) {
                    Vec<T> x_re = load(this->re[x + i] + t), x_im = load(this->im[x + i] + t);
                    sum_re[i][j] += x_re * y_re;
                    sum_re[i][j] += x_im * y_im;
                    sum_im[i][j] += x_im * y_re;
                    sum_im[i][j] -= x_re * y_im;
                }
            }
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                store(lanes_re[i * Y + j], sum_re[i][j]);
                store(lanes_im[i * Y + j], sum_im[i][j]);
            }
        add_totals(x, y);
    }

    void add(int64_t x, int64_t y) {
        Vec<T> sum_re[X][Y] = {}, sum_im[X][Y] = {};
        for (int64_t t = 0; t < this->padded; t += L) {
            Vec<T> s_re[X][Y] = {}, s_im[X][Y] = {};
            for (int64_t k = 0; k < this->tapers; k++) {
                const int64_t row = k * this->rows;
                for (int j = 0; j < Y; j++) {
                    Vec<T> y_re = load(this->re[row + y + j] + t), y_im = load(this->im[row + y + j] + t);
                    keep(y_re), keep(y_im);
                    for (int i = 0; i < X; i++) {
                        Vec<T> x_re = load(this->re[row + x + i] + t), x_im = load(this->im[row + x + i] + t);
                        s_re[i][j] += x_re * y_re;
                        s_re[i][j] += x_im * y_im;
                        s_im[i][j] += x_im * y_re;
                        s_im[i][j] -= x_re * y_im;
                    }
                }
            }
            for (int i = 0; i < X; i++)
                for (int j = 0; j < Y; j++) {
                    T inverse[L];
                    const Vec<T> square = s_re[i][j] * s_re[i][j] + s_im[i][j] * s_im[i][j];
                    store(inverse, square == 0 ? square + 1 : square);  // s is then 0 as well
                    for (int lane = 0; lane < L; lane++) inverse[lane] = 1 / std::sqrt(inverse[lane]);
                    Vec<T> by;
                    __builtin_memcpy(&by, inverse, sizeof by);
                    sum_re[i][j] += s_re[i][j] * by;
                    sum_im[i][j] += s_im[i][j] * by;
                }
        }
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                store(lanes_re[i * Y + j], sum_re[i][j]);
                store(lanes_im[i * Y + j], sum_im[i][j]);
            }
        add_totals(x, y);
    }

    __attribute__((noinline)) void add_totals(int64_t x, int64_t y) {
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                double *sum = &sums[2 * ((x + i) * this->rows + y + j)];
                sum[0] += total(lanes_re[i * Y + j]);
                sum[1] += total(lanes_im[i * Y + j]);
            }
    }

    alignas(kBytes) T lanes_re[X * Y][L], lanes_im[X * Y][L];
    std::vector<double> sums;
};

template <class T> int phase_locking(const T *z, const int64_t *shape, int threads, T *mean) {
    return for_each_item<PhaseLocking<T>>(shape, threads, [=](PhaseLocking<T> &kernel, int64_t item) {
        kernel.run(z + 2 * item * shape[4], mean + 2 * item * shape[2] * shape[2]);
    });
}

}  // namespace eegdae
