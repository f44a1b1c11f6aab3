namespace Calico.Linux.Route;

/// <summary>What <c>/proc/sys/net/ipv4/conf/&lt;link&gt;/</c> holds; null leaves a setting as it is.</summary>
/// <remarks>Takes effect only on a link that exists: not in the message that makes it, but in the next one of the batch.</remarks>
public sealed record Ipv4LinkSettings
{
    public bool? Forwarding { get; init; }

    public bool? ProxyArp { get; init; }

    /// <summary>0 off, 1 strict, 2 loose.</summary>
    public int? RpFilter { get; init; }

    public bool? RouteLocalnet { get; init; }

    public bool? AcceptRedirects { get; init; }

    public bool? SendRedirects { get; init; }

    /// <summary>0 to 8; see arp_ignore.</summary>
    public int? ArpIgnore { get; init; }

    /// <summary>0 to 2; see arp_announce.</summary>
    public int? ArpAnnounce { get; init; }

    public bool? ArpNotify { get; init; }

    public bool? AcceptLocal { get; init; }

    /// <summary>From the kernel's array, in which the setting of number n stands at n - 1; shorter in older kernels.</summary>
    internal static Ipv4LinkSettings Read(ReadOnlySpan<int> values)
    {
        int? At(ReadOnlySpan<int> all, int key) => key <= all.Length ? all[key - 1] : null;
        bool? Flag(int? value) => value is null ? null : value != 0;
        return new Ipv4LinkSettings
        {
            Forwarding = Flag(At(values, 1)), ProxyArp = Flag(At(values, 3)), AcceptRedirects = Flag(At(values, 4)),
                SendRedirects = Flag(At(values, 6)),
            RpFilter = At(values, 8), ArpAnnounce = At(values, 18), ArpIgnore = At(values, 19), ArpNotify = Flag(At(values, 22)),
            AcceptLocal = Flag(At(values, 23)), RouteLocalnet = Flag(At(values, 26)),
        };
    }

    /// <summary>Whether a link that has <paramref name="there"/> lacks something of this.</summary>
    public bool IsMissingIn(Ipv4LinkSettings there)
    {
        ArgumentNullException.ThrowIfNull(there);
        var values = there.Set().ToDictionary(s => s.Key, s => s.Value);
        return Set().Any(s => !values.TryGetValue(s.Key, out var value) || value != s.Value);
    }

    /// <summary>(IPV4_DEVCONF_*, value) of what is set; numbers from uapi linux/ip.h.</summary>
    internal IEnumerable<(ushort Key, int Value)> Set()
    {
        if (Forwarding is { } forwarding)
        {
            yield return (1, forwarding ? 1 : 0);
        }

        if (ProxyArp is { } proxyArp)
        {
            yield return (3, proxyArp ? 1 : 0);
        }

        if (AcceptRedirects is { } acceptRedirects)
        {
            yield return (4, acceptRedirects ? 1 : 0);
        }

        if (SendRedirects is { } sendRedirects)
        {
            yield return (6, sendRedirects ? 1 : 0);
        }

        if (RpFilter is { } rpFilter)
        {
            yield return (8, rpFilter);
        }

        if (ArpAnnounce is { } arpAnnounce)
        {
            yield return (18, arpAnnounce);
        }

        if (ArpIgnore is { } arpIgnore)
        {
            yield return (19, arpIgnore);
        }

        if (ArpNotify is { } arpNotify)
        {
            yield return (22, arpNotify ? 1 : 0);
        }

        if (AcceptLocal is { } acceptLocal)
        {
            yield return (23, acceptLocal ? 1 : 0);
        }

        if (RouteLocalnet is { } routeLocalnet)
        {
            yield return (26, routeLocalnet ? 1 : 0);
        }
    }
}
