namespace Calico.Linux.Nftables;

/// <summary>How an attribute of an expression is compared.</summary>
internal enum NftAttributeKind : byte
{
    /// <summary>As it is; zero is as good as absent.</summary>
    Unknown,

    /// <summary>Says what has passed, not what is done.</summary>
    Ignored,

    /// <summary>By the word that it begins at.</summary>
    Register,

    /// <summary>The same, for the end of a range of registers: as good as absent where it is the beginning.</summary>
    LastRegister,

    /// <summary>Big-endian of any width; zero is as good as absent.</summary>
    Number,

    /// <summary>A number whose zero says something.</summary>
    Presence,

    /// <summary>Up to its zero bytes; empty is as good as absent.</summary>
    Text,

    /// <summary>A value or a verdict in a nest.</summary>
    Value,

    /// <summary>A number of which the kernel sets two bits by itself.</summary>
    NatFlags,

    /// <summary>A number whose default is not 0.</summary>
    LogLevel,
}
