using System.Numerics;

namespace Calico.Ipam;

/// <summary>Go's <c>math/rand</c> generator, so that a host starts at the same block as under upstream.</summary>
/// <remarks>
/// An additive lagged Fibonacci generator, x[n] = x[n-607] + x[n-273] modulo 2^64, whose state is the seed's numbers exclusive-or the
/// state of the same generator, seeded with 1, after 7.8e12 steps. Go ships those 607 numbers as a table; here they are computed: the
/// recurrence is linear, so 7.8e12 steps are one power of x modulo its characteristic polynomial (43 squarings, some ten milliseconds,
/// once, when a node first claims a block).
/// </remarks>
internal sealed class GoRandom
{
    private const int Length = 607;
    private const int Tap = 273;
    private const ulong Steps = 7_800_000_000_000;

    private static readonly Lazy<ulong[]> Cooked = new(Cook);

    private readonly ulong[] _state = new ulong[Length];
    private int _tap;
    private int _feed = Length - Tap;

    public GoRandom(long seed)
    {
        Fill(_state, seed, 40, 20);
        for (var i = 0; i < Length; i++)
        {
            _state[i] ^= Cooked.Value[i];
        }
    }

    /// <summary>Uniform below <paramref name="limit"/>, as Go's <c>big.Int.Rand</c> draws it on a 64-bit machine.</summary>
    public BigInteger Below(BigInteger limit)
    {
        var bits = (int)limit.GetBitLength();
        var words = (bits + 63) / 64;
        var mask = bits % 64 == 0 ? ulong.MaxValue : (1UL << (bits % 64)) - 1;
        while (true)
        {
            var value = BigInteger.Zero;
            for (var i = 0; i < words; i++)
            {
                ulong low = NextUInt32();
                var word = low | ((ulong)NextUInt32() << 32);
                value += new BigInteger(i == words - 1 ? word & mask : word) << (64 * i);
            }

            if (value < limit)
            {
                return value;
            }
        }
    }

    private uint NextUInt32() => (uint)((Next() & long.MaxValue) >> 31);

    private ulong Next()
    {
        _tap = (_tap + Length - 1) % Length;
        _feed = (_feed + Length - 1) % Length;
        return _state[_feed] = unchecked(_state[_feed] + _state[_tap]);
    }

    /// <summary>Fills the state with a Lehmer generator's numbers, three to a word.</summary>
    private static void Fill(ulong[] state, long seed, int highShift, int middleShift)
    {
        seed %= int.MaxValue;
        var x = seed < 0 ? seed + int.MaxValue : seed == 0 ? 89482311 : seed;
        for (var i = -20; i < Length; i++)
        {
            x = Lehmer(x);
            if (i >= 0)
            {
                var word = (ulong)x << highShift;
                x = Lehmer(x);
                word ^= (ulong)x << middleShift;
                x = Lehmer(x);
                state[i] = word ^ (ulong)x;
            }
        }
    }

    private static long Lehmer(long x) => x * 48271 % int.MaxValue;

    private static ulong[] Cook()
    {
        var state = new ulong[Length];
        Fill(state, 1, 20, 10);

        // The k-th output replaces the word at (Length - Tap - 1 - k) mod Length, so this is the sequence's start, oldest first.
        var sequence = new ulong[2 * Length];
        for (var k = 0; k < Length; k++)
        {
            sequence[k] = state[Place(k)];
        }

        for (var k = Length; k < sequence.Length; k++)
        {
            sequence[k] = unchecked(sequence[k - Length] + sequence[k - Tap]);
        }

        var power = PowerOfX(Steps);
        var result = new ulong[Length];
        for (var j = 0; j < Length; j++)
        {
            ulong sum = 0;
            for (var i = 0; i < Length; i++)
            {
                sum = unchecked(sum + (power[i] * sequence[i + j]));
            }

            // Output number Steps + j of the sequence stands where the step that wrote it left it.
            result[Place((int)((Steps + (ulong)j) % Length))] = sum;
        }

        return result;
    }

    private static int Place(int k) => (((Length - Tap - 1 - k) % Length) + Length) % Length;

    /// <summary>x^<paramref name="exponent"/> modulo x^607 - x^334 - 1, coefficients modulo 2^64.</summary>
    private static ulong[] PowerOfX(ulong exponent)
    {
        var power = new ulong[Length];
        power[0] = 1;
        for (var bit = 63 - BitOperations.LeadingZeroCount(exponent); bit >= 0; bit--)
        {
            var product = new ulong[2 * Length];
            for (var i = 0; i < Length; i++)
            {
                // Each pair of unequal terms comes twice.
                var factor = power[i];
                product[2 * i] = unchecked(product[2 * i] + (factor * factor));
                factor = unchecked(2 * factor);
                for (var j = i + 1; factor != 0 && j < Length; j++)
                {
                    product[i + j] = unchecked(product[i + j] + (factor * power[j]));
                }
            }

            if ((exponent >> bit & 1) != 0)
            {
                Array.Copy(product, 0, product, 1, product.Length - 1);
                product[0] = 0;
            }

            for (var i = product.Length - 1; i >= Length; i--)
            {
                product[i - Length] = unchecked(product[i - Length] + product[i]);
                product[i - Tap] = unchecked(product[i - Tap] + product[i]);
            }

            Array.Copy(product, power, Length);
        }

        return power;
    }
}
