// Correlation of the envelope of x orthogonalised to y, o(t) = |Im(z_x conj(z_y) / |z_y|)|, with the envelope of y,
// averaged with that of y and x.
//
// Sums are of what differs from the mean of a few samples: a constant gives exactly 0, and nothing cancels.

#pragma once

#include "signals.h"

namespace eegdae {

template <class T> struct OrthogonalEnvelopes : Signals<T, 2> {
    static constexpr int X = kRegisters == 32 ? 2 : 1, Y = 2, L = Simd<T>::lanes;
    struct Sums {
        double o = 0, square = 0, product = 0;
    };

    OrthogonalEnvelopes(const int64_t *shape)
        : Signals<T, 2>(shape), unit_re(this->rows), unit_im(this->rows), envelope(this->rows), valid(1),
          probe(this->rows * this->rows), envelope_probe(this->rows), sums(this->rows * this->rows),
          envelope_sums(this->rows), peak(this->rows) {}

    void run(const T *z, bool absolute, T *r) {
        std::fill(sums.begin(), sums.end(), Sums());
        std::fill(envelope_sums.begin(), envelope_sums.end(), Sums());
        std::fill(peak.begin(), peak.end(), 0.0);
        this->find_scales(z);
        find_probes(z);
        for (int64_t start = 0; start < this->times; start += this->tile) {
            this->read(z, start);
            for (int64_t t = 0; t < this->padded; t++) valid[0][t] = t < this->count;
            for (int64_t x = 0; x < this->chans; x++) {
                find_units(x);
                add_envelope(x);
            }
            for (int64_t x = 0; x < this->chans; x += X)
                for (int64_t y = 0; y < this->chans; y += Y) add(x, y);
        }
        for (int64_t x = 0; x < this->chans; x++) {
            r[x * this->chans + x] = 0;
            for (int64_t y = 0; y < x; y++) {
                double one = correlation(z, x, y), other = correlation(z, y, x);
                if (absolute) one = std::abs(one), other = std::abs(other);
                r[x * this->chans + y] = r[y * this->chans + x] = T((one + other) / 2);
            }
        }
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
        Vec<T> sum[X][Y] = {}, square[X][Y] = {}, product[X][Y] = {}, shift[X][Y];
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
                    sum[i][j] += d;
                    square[i][j] += d * d;
                    product[i][j] += d * e;
                }
            }
        }
        for (int i = 0; i < X; i++)
            for (int j = 0; j < Y; j++) {
                T(*to)[L] = lanes[i * Y + j];
                store(to[0], sum[i][j]), store(to[1], square[i][j]), store(to[2], product[i][j]);
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
            }
    }

    double correlation(const T *z, int64_t x, int64_t y) {
        const Sums &s = sums[x * this->rows + y], &e = envelope_sums[y];
        const double n = double(this->times);
        const double varying = (s.square - s.o * s.o / n) * (e.square - e.o * e.o / n);
        if (std::isnan(varying)) return varying;
        if (varying <= 0 || is_rounding(z, x, y, s)) return 0;
        return std::clamp((s.product - s.o * e.o / n) / std::sqrt(varying), -1.0, 1.0);
    }

    // Whether o is never more than 16 epsilons of the peak of x. Where its root mean square is more, it is somewhere.
    bool is_rounding(const T *z, int64_t x, int64_t y, const Sums &s) {
        const double limit = kRounding * std::numeric_limits<T>::epsilon() * peak[x], n = double(this->times);
        const double shift = probe[x * this->rows + y];
        if (s.square / n + shift * (2 * s.o / n + shift) > 2 * limit * limit) return false;
        for (int64_t t = 0; t < this->times; t++) {
            const T *a = this->channel(z, 0, x) + 2 * t, *b = this->channel(z, 0, y) + 2 * t;
            const double re = a[0] * this->scale[x], im = a[1] * this->scale[x];
            const double y_re = b[0] * this->scale[y], y_im = b[1] * this->scale[y];
            if (std::abs(im * y_re - re * y_im) > limit * std::sqrt(y_re * y_re + y_im * y_im)) return false;
        }
        return true;
    }

    Rows<T> unit_re, unit_im, envelope, valid;
    alignas(kBytes) T lanes[X * Y][3][L];
    std::vector<T> probe, envelope_probe;
    std::vector<Sums> sums, envelope_sums;
    std::vector<double> peak;
};

template <class T> int orthogonal_envelopes(const T *z, const int64_t *shape, int threads, bool absolute, T *r) {
    using Kernel = OrthogonalEnvelopes<T>;
    return for_each_item<Kernel>(shape, threads, [=](Kernel &kernel, int64_t item) {
        kernel.run(z + 2 * item * shape[4], absolute, r + item * shape[2] * shape[2]);
    });
}

}  // namespace eegdae
