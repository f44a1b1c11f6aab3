using System.Collections.Immutable;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>A version of the CNI specification that we speak.</summary>
internal readonly record struct CniVersion
{
    /// <summary>Oldest first.</summary>
    public static readonly ImmutableArray<string> Supported = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

    private readonly int _index;

    private CniVersion(int index) => _index = index;

    /// <summary>What a configuration without <c>cniVersion</c> means: the old shape. Upstream answers 0.2.0.</summary>
    public static CniVersion Unstated { get; } = new(1);

    /// <summary>CHECK exists since 0.4.0.</summary>
    public bool HasCheck => _index >= 4;

    /// <summary>GC and STATUS exist since 1.1.0.</summary>
    public bool HasGcAndStatus => _index >= 6;

    /// <summary>One <c>ip4</c> and one <c>ip6</c> object (up to 0.2.0) instead of a list.</summary>
    public bool HasFamilyObjects => _index <= 1;

    /// <summary>Each address names its family (0.3.0 to 0.4.0).</summary>
    public bool HasAddressFamily => _index is >= 2 and <= 4;

    /// <summary>Interfaces carry their MTU (since 1.1.0).</summary>
    public bool HasInterfaceMtu => _index >= 6;

    public static bool TryParse(string text, out CniVersion version)
    {
        var index = text.Length == 0 ? Unstated._index : Supported.IndexOf(text);
        version = new(Math.Max(index, 0));
        return index >= 0;
    }

    public override string ToString() => Supported[_index];
}
