using System.Numerics;

namespace Calico.Dataplane.Translation;

/// <summary>Our bits of the packet's mark: the two lowest of the mask.</summary>
internal static class MarkBits
{
    /// <summary>Both of them; cleared when a packet comes in.</summary>
    public static uint Own(uint mask)
    {
        var first = Allowed(mask);
        var rest = mask & ~first;
        return BitOperations.PopCount(mask) < 2
            ? throw new ArgumentException($"the mark mask 0x{mask:x} has less than two bits", nameof(mask))
            : first | (rest & (uint)-(int)rest);
    }

    /// <summary>An untracked or preDNAT policy let the packet pass: later hooks of host endpoints do not judge it.</summary>
    public static uint Allowed(uint mask) => mask & (uint)-(int)mask;
}
