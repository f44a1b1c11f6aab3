using System.Net.NetworkInformation;
using Calico.Host.Settings;

namespace Calico.Host.Node;

/// <summary>Notices that this node's own address is another now. It has to be gone, and the new one has to stay for some looks: a link that
/// flaps or an interface that comes up first for once must not make all other nodes change their routes.</summary>
/// <param name="detect">The addresses with their lengths as they would be registered now; null: none found.</param>
/// <param name="isPresent">Whether an interface has such an address.</param>
/// <param name="time">Clock of the looks.</param>
internal sealed class AddressFollower(Func<(string? Ipv4, string? Ipv6)> detect, Func<string, bool> isPresent, TimeProvider time)
{
    private const int Looks = 3;

    // To list all interfaces is not for nothing where there are hundreds.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private (string? Ipv4, string? Ipv6) _registered;
    private (string? Ipv4, string? Ipv6) _candidate;
    private int _seen;
    private long? _lookedAt;

    /// <summary>This machine's.</summary>
    public static AddressFollower Of(HostSettings settings, TimeProvider time) => new(
        () => (AddressDetection.Find(settings.Ipv4, System.Net.Sockets.AddressFamily.InterNetwork, "IP")?.Address,
            AddressDetection.Find(settings.Ipv6, System.Net.Sockets.AddressFamily.InterNetworkV6, "IP6")?.Address),
        AddressDetection.IsPresent, time);

    /// <summary>One look.</summary>
    /// <returns>Whether the node has to be registered with another address.</returns>
    public bool HasMoved()
    {
        if (_lookedAt is { } at && _seen == 0 && time.GetElapsedTime(at) < Interval)
        {
            return false;
        }

        (string? Ipv4, string? Ipv6) now;
        try
        {
            var found = detect();
            now = (Follow(_registered.Ipv4, found.Ipv4), Follow(_registered.Ipv6, found.Ipv6));
        }
        catch (NetworkInformationException)
        {
            // Interfaces of workloads come and go while they are listed: this was no look.
            return false;
        }

        var isFirst = _lookedAt is null;
        _lookedAt = time.GetTimestamp();
        if (isFirst || now == _registered)
        {
            (_registered, _seen) = (now, 0);
            return false;
        }

        _seen = now == _candidate ? _seen + 1 : 1;
        _candidate = now;
        return _seen >= Looks;
    }

    /// <summary>The node was registered as it was found last.</summary>
    public void Accept()
    {
        if (_seen >= Looks)
        {
            (_registered, _seen) = (_candidate, 0);
        }
    }

    /// <summary>An address that was lost without a successor, and one that an interface still has, stay.</summary>
    private string? Follow(string? registered, string? found) =>
        registered is not null && (found is null || isPresent(registered)) ? registered : found;
}
