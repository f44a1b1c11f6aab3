namespace Calico.Linux.Nftables;

/// <summary>A chain as the kernel lists it.</summary>
public sealed record NftChain
{
    public required string Name { get; init; }

    public ulong Handle { get; init; }

    /// <summary>Null for a regular chain.</summary>
    public NftHook? Hook { get; init; }

    public int Priority { get; init; }

    /// <summary><c>filter</c>, <c>nat</c> or <c>route</c>; empty for a regular chain.</summary>
    public string Type { get; init; } = "";

    /// <summary>True when a base chain's end drops.</summary>
    public bool PolicyDrop { get; init; }

    /// <summary>What it has that no chain of this library's has, in words: devices, flags, counters, a comment; empty: nothing.</summary>
    public string Unusual { get; init; } = "";

    /// <summary>References: rules in it and jumps to it.</summary>
    public uint Uses { get; init; }
}
