// Correlation of the envelope of x orthogonalised to y, o(t) = |Im(z_x conj(z_y) / |z_y|)|, with the envelope of y.
//
// Sums are of what differs from the mean of a few samples: a constant gives exactly 0, and nothing cancels.

#pragma once

#include "signals.h"

namespace eegdae {

template <class T> struct OrthogonalCorrelation : Signals<T, 2> {
    static constexpr int X = kRegisters == 32 ? 2 : 1, Y = 2, L = Simd<T>::lanes;
    struct Sums {
        double o = 0, square = 0, product = 0, peak = 0;
    };

    OrthogonalCorrelation(const int64_t *shape)
        : Signals<T, 2>(shape), unit_re(this->rows), unit_im(this->rows), envelope(this->rows), valid(1),
          probe(this->rows * this->rows), envelope_probe(this->rows), sums(this->rows * this->rows),
          envelope_sums(this->rows), peak(this->rows) {}

    void run(const T *z, T *r) {
        std::fill(sums.begin(), sums.end(), Sums());
        std::fill(envelope_sums.begin(), envelope_sums.end(), Sums());
        std::fill(peak.begin(), peak.end(), 0.0);
        this->find_scales(z);
        find_probes(z);
        for (int64_t start = 0; start < this->times; start += kTile) {
            this->read(z, start);
            for (int64_t t = 0; t < this->padded; t++) valid[0][t] = t < this->count;
            for (int64_t x = 0; x < this->chans; x++) {
                find_units(x);
                add_envelope(x);
            }
            for (int64_t x = 0; x < this->chans; x += X)
                for (int64_t y = 0; y < this->chans; y += Y) add(x, y);
        }
        for (int64_t x = 0; x < this->chans; x++)
            for (int64_t y = 0; y < this->chans; y++) r[x * this->chans + y] = x == y ? T(0) : correlation(x, y);
    }

    // Means of the envelopes and of o over as many samples as a vector has lanes, spread over the window.
    void find_probes(const T *z) {
        this->count = this->padded = L;
        for (int64_t x = 0; x < this->chans; x++) {
            for (int lane = 0; lane < L; lane++) {
                const T *from = this->channel(z, 0, x) + 2 * (lane * this->times / L);
                this->re[x][lane] = from[0] * this->scale[x];
                this->im[x][lane] = from[1] * this->scale[x];
            }
            find_units(x);
            envelope_probe[x] = total(envelope[x]) / L;
        }
        for (int64_t x = 0; x < this->chans; x++)
            for (int64_t y = 0; y < this->chans; y++) {
                store(lanes[0][0], orthogonal(load(this->re[x]), load(this->im[x]), load(unit_re[y]), load(unit_im[y])));
                probe[x * this->rows + y] = total(lanes[0][0]) / L;
            }
    }

    void find_units(int64_t x) {
        T *__restrict length = envelope[x], *__restrict u_re = unit_re[x], *__restrict u_im = unit_im[x];
        const T *re = this->re[x], *im = this->im[x];
        this->amplitude(x, length);
        for (int64_t t = 0; t < this->padded; t++) {
            const T by = length[t] == 0 ? T(1) : length[t];
            u_re[t] = re[t] / by;
            u_im[t] = im[t] / by;
        }
    }

    // Takes the probe off the envelope, which stays 0 after the end.
    void add_envelope(int64_t x) {
        peak[x] = std::max(peak[x], double(largest(envelope[x], this->count)));
        const Vec<T> shift = Vec<T>{} + envelope_probe[x];
        Vec<T> sum{}, square{};
        for (int64_t t = 0; t < this->padded; t += L) {
            const Vec<T> e = (load(envelope[x] + t) - shift) * load(valid[0] + t);
            store(envelope[x] + t, e);
            sum += e;
            square += e * e;
        }
        store(lanes[0][0], sum), store(lanes[0][1], square);
        envelope_sums[x].o += total(lanes[0][0]);
        envelope_sums[x].square += total(lanes[0][1]);
    }

    static inline Vec<T> orthogonal(Vec<T> re, Vec<T> im, Vec<T> u_re, Vec<T> u_im) {
        Vec<T> o = im * u_re;
        o -= re * u_im;
        return absolute<T>(o);
    }

    void add(int64_t x, int64_t y) {
        Vec<T> sum[X][Y] = {}, square[X][Y] = {}, product[X][Y] = {}, most[X][Y] = {}, shift[X][Y];
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) shift[i][j] = Vec<T>{} + probe[(x + i) * this->rows + y + j];
        const int64_t whole = this->count / L * L;
        for (int64_t t = 0; t < this->padded; t += L) {
            Vec<T> re[X], im[X];
            for (int i = 0; i < X; i++) {
                re[i] = load(this->re[x + i] + t), im[i] = load(this->im[x + i] + t);
                keep(re[i]), keep(im[i]);
            }
            for (int j = 0; j < Y; j++) {
                Vec<T> u_re = load(unit_re[y + j] + t), u_im = load(unit_im[y + j] + t), e = load(envelope[y + j] + t);
                keep(u_re), keep(u_im), keep(e);
                for (int i = 0; i < X; i++) {
                    const Vec<T> o = orthogonal(re[i], im[i], u_re, u_im);
                    Vec<T> d = o - shift[i][j];
                    if (t == whole) d *= load(valid[0] + t);
                    most[i][j] = o > most[i][j] ? o : most[i][j];
                    sum[i][j] += d;
                    square[i][j] += d * d;
                    product[i][j] += d * e;
                }
            }
        }
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                T(*to)[L] = lanes[i * Y + j];
                store(to[0], sum[i][j]), store(to[1], square[i][j]), store(to[2], product[i][j]), store(to[3], most[i][j]);
            }
        add_totals(x, y);
    }

    // On its own: inlined, it makes the compiler keep the sums of the loop above in memory.
    __attribute__((noinline)) void add_totals(int64_t x, int64_t y) {
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                const T(*from)[L] = lanes[i * Y + j];
                Sums &to = sums[(x + i) * this->rows + y + j];
                to.o += total(from[0]), to.square += total(from[1]), to.product += total(from[2]);
                to.peak = std::max(to.peak, double(largest(from[3], L)));
            }
    }

    T correlation(int64_t x, int64_t y) {
        const Sums &s = sums[x * this->rows + y], &e = envelope_sums[y];
        const double n = double(this->times);
        const double varying = (s.square - s.o * s.o / n) * (e.square - e.o * e.o / n);
        if (std::isnan(varying)) return T(varying);
        if (varying <= 0 || s.peak <= kRounding * std::numeric_limits<T>::epsilon() * peak[x]) return T(0);
        return T((s.product - s.o * e.o / n) / std::sqrt(varying));
    }

    Rows<T> unit_re, unit_im, envelope, valid;
    alignas(kBytes) T lanes[X * Y][4][L];
    std::vector<T> probe, envelope_probe;
    std::vector<Sums> sums, envelope_sums;
    std::vector<double> peak;
};

template <class T> int orthogonal_correlation(const T *z, const int64_t *shape, int threads, T *r) {
    using Kernel = OrthogonalCorrelation<T>;
    return for_each_item<Kernel>(shape, threads, [=](Kernel &kernel, int64_t item) {
        kernel.run(z + 2 * item * shape[4], r + item * shape[2] * shape[2]);
    });
}

}  // namespace eegdae
