// What every kernel shares: vectors, the signals of one item a tile of time at a time, and threads.
//
// All arithmetic is in vectors of the compiler (GCC and Clang), so it needs no -ffast-math: NaN comes through.

#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <thread>
#include <type_traits>
#include <vector>

namespace eegdae {

#if defined(__AVX512F__)
constexpr int kBytes = 64, kRegisters = 32;
#elif defined(__AVX__)
constexpr int kBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kBytes = 16, kRegisters = 32;
#else
constexpr int kBytes = 16, kRegisters = 16;
#endif

template <class T> struct Simd {
    typedef T Vec __attribute__((vector_size(kBytes)));
    static constexpr int lanes = kBytes / sizeof(T);
};
template <class T> using Vec = typename Simd<T>::Vec;
template <class T> using Mask = decltype(Vec<T>() > Vec<T>());

// As many epsilons as in phase_lag_sums.py and envelope.py count as rounding.
constexpr double kRounding = 16;

// Samples summed up in the type of the signals before a double takes over; half with tapers, for the cache's sake.
constexpr int64_t kTile = 512;

// Channels are scaled by a power of 2, which is exact, to a peak of about 2^kPeak: squares of volts or teslas would
// leave the range of float. Four such factors stay inside, and a squared amplitude of 1e-26 of the peak as well.
template <class T> constexpr int kPeak = sizeof(T) == 4 ? 25 : 250;

template <class T> inline Vec<T> load(const T *from) { return *reinterpret_cast<const Vec<T> *>(from); }

template <class T, class V> inline void store(T *to, V v) { __builtin_memcpy(to, &v, sizeof v); }

// Keeps a value of several uses in a register; the compiler would load it again for each.
template <class V> inline void keep(V &v) {
#if defined(__x86_64__)
    asm("" : "+v"(v));
#elif defined(__aarch64__)
    asm("" : "+w"(v));
#else
    (void)v;
#endif
}

template <class T> inline Vec<T> absolute(Vec<T> v) { return (Vec<T>)((Mask<T>)v & ~(Mask<T>)(-Vec<T>{})); }

// Sum of what was one vector, half by half: exact where all lanes are equal.
template <class T, int kLanes = Simd<T>::lanes> inline T total(const T *value) {
    if constexpr (kLanes == 1) {
        return value[0];
    } else {
        typedef T Half __attribute__((vector_size(kLanes / 2 * sizeof(T))));
        Half low, high;
        __builtin_memcpy(&low, value, sizeof low);
        __builtin_memcpy(&high, value + kLanes / 2, sizeof high);
        T sum[kLanes / 2];
        store(sum, low + high);
        return total<T, kLanes / 2>(sum);
    }
}

// Largest modulus; NaN counts as nothing.
template <class T> T largest(const T *value, int64_t count) {
    constexpr int lanes = Simd<T>::lanes, several = 4;  // or each step would wait for the one before
    Vec<T> most[several] = {};
    int64_t whole = count / (several * lanes) * (several * lanes);
    for (int64_t t = 0; t < whole; t += several * lanes)
        for (int i = 0; i < several; i++) {
            Vec<T> v;
            __builtin_memcpy(&v, value + t + i * lanes, sizeof v);
            v = absolute<T>(v);
            most[i] = v > most[i] ? v : most[i];
        }
    T found = 0;
    for (int i = 0; i < several; i++)
        for (int lane = 0; lane < lanes; lane++) found = most[i][lane] > found ? most[i][lane] : found;
    for (int64_t t = whole; t < count; t++) found = std::abs(value[t]) > found ? std::abs(value[t]) : found;
    return found;
}

// Rows of one tile of time each, aligned to vectors. One vector apart, or all would fall on the same cache lines.
template <class T> struct Rows {
    static constexpr int64_t stride = kTile + kBytes / sizeof(T);

    explicit Rows(int64_t rows) : buffer(rows * stride + kBytes / sizeof(T)) {
        auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
        first = buffer.data() + (kBytes - address % kBytes) % kBytes / sizeof(T);
    }
    Rows(const Rows &) = delete;
    T *operator[](int64_t row) { return first + row * stride; }

    std::vector<T> buffer;
    T *first;
};

// What the kernels share: one item's signals, scaled, a tile of time at a time, real and imaginary parts apart.
template <class T, int kBlock> struct Signals {
    static constexpr int L = Simd<T>::lanes;

    Signals(const int64_t *shape)
        : tapers(shape[1]), chans(shape[2]), times(shape[3]), taper_stride(shape[5]), chan_stride(shape[6]),
          tile(tapers > 1 ? kTile / 2 : kTile), rows((chans + kBlock - 1) / kBlock * kBlock), re(tapers * rows), im(tapers * rows), scale(chans) {}

    const T *channel(const T *z, int64_t k, int64_t x) { return z + 2 * (k * taper_stride + x * chan_stride); }

    void find_scales(const T *z) {
        for (int64_t x = 0; x < chans; x++) {
            T most = 0;
            for (int64_t k = 0; k < tapers; k++) most = std::max(most, largest(channel(z, k, x), 2 * times));
            int exponent = 0, highest = std::numeric_limits<T>::max_exponent - 2;
            std::frexp(most, &exponent);
            scale[x] = std::ldexp(T(1), most > 0 ? std::min(kPeak<T> - exponent, highest) : 0);
            if (std::isinf(most)) scale[x] = std::numeric_limits<T>::quiet_NaN();
        }
    }

    void read(const T *z, int64_t start) {
        count = std::min(times - start, tile);
        padded = (count + L - 1) / L * L;
        for (int64_t k = 0; k < tapers; k++)
            for (int64_t x = 0; x < chans; x++)
                split(channel(z, k, x) + 2 * start, scale[x], re[k * rows + x], im[k * rows + x]);
    }

    void split(const T *__restrict from, T by, T *__restrict r, T *__restrict i) {
        for (int64_t t = 0; t < count; t++) {
            r[t] = from[2 * t] * by;
            i[t] = from[2 * t + 1] * by;
        }
        for (int64_t t = count; t < padded; t++) r[t] = i[t] = 0;
    }

    // Length of the vector of tapers of channel x.
    void amplitude(int64_t x, T *__restrict length) {
        std::fill(length, length + padded, T(0));
        for (int64_t k = 0; k < tapers; k++) {
            const T *r = re[k * rows + x], *i = im[k * rows + x];
            for (int64_t t = 0; t < padded; t++) length[t] += r[t] * r[t] + i[t] * i[t];
        }
        for (int64_t t = 0; t < padded; t++) length[t] = std::sqrt(length[t]);
    }

    int64_t tapers, chans, times, taper_stride, chan_stride, tile, rows, count = 0, padded = 0;
    Rows<T> re, im;
    std::vector<T> scale;
};

// Calls work(kernel, item) for all items, from several threads, each with a kernel of its own.
template <class Kernel, class Work> int for_each_item(const int64_t *shape, int threads, Work work) {
    const int64_t items = shape[0];
    std::atomic<int64_t> next{0};
    std::atomic<int> failed{0};
    auto loop = [&] {
        try {
            Kernel kernel(shape);
            for (int64_t item; (item = next++) < items;) work(kernel, item);
        } catch (const std::exception &) {
            failed = 1;
        }
    };
#ifdef _OPENMP
    // In the threads that torch uses: after its own work those wait, awake, and would be in the way of others.
#pragma omp parallel num_threads(static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(threads, items))))
    loop();
#else
    std::vector<std::thread> others;
    try {
        for (int64_t i = 1; i < std::min<int64_t>(threads, items); i++) others.emplace_back(loop);
    } catch (const std::exception &) {
        // No more threads: those that run share all items.
    }
    loop();
    for (auto &other : others) other.join();
#endif
    return failed;
}

}  // namespace eegdae
