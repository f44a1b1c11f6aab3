namespace Calico.Linux.Route;

/// <summary>What <c>/proc/sys/net/ipv6/conf/&lt;link&gt;/</c> holds, read only: rtnetlink cannot set it.</summary>
public sealed record Ipv6LinkSettings
{
    // Places in the kernel's array: DEVCONF_* of uapi linux/ipv6.h.
    private const int AcceptRaPlace = 3;
    private const int DisabledPlace = 26;

    /// <summary>0 never, 1 unless the link forwards, 2 always.</summary>
    public int AcceptRa { get; init; }

    /// <summary>The link has no IPv6.</summary>
    public bool IsDisabled { get; init; }

    internal static Ipv6LinkSettings? Read(ReadOnlySpan<int> values) =>
        values.Length <= DisabledPlace ? null
            : new Ipv6LinkSettings { AcceptRa = values[AcceptRaPlace], IsDisabled = values[DisabledPlace] != 0 };
}
