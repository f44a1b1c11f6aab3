using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Calico.Dataplane.Reconciliation;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Calico.Linux.Sysctls;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Workloads;

/// <summary>Brings host sides back to what was written when they were wired.</summary>
/// <remarks>
/// Who else changes them: the kernel takes IPv6 addresses away with "down" and gives none back, since the link makes none by itself;
/// network daemons set links down, rename them, put them into bridges; sysctl scripts write to every link. Policy goes by the name, so a
/// name is the first to be given back; until then the link's group keeps its packets out (<see cref="Translation.Skeleton"/>).
/// Looked at when the kernel tells of a change, and now and then for what it does not tell. Runs on the loop.
/// </remarks>
internal sealed partial class LinkKeeper(IRoutes socket, KeptLinks kept, HostNetwork network, DataplaneOptions options, ILogger logger)
    : IDisposable
{
    /// <summary>What stands in the way, by link: said once, not at each look.</summary>
    private readonly Dictionary<string, string> _said = new(StringComparer.Ordinal);

    /// <summary>Compares one link.</summary>
    /// <returns>What was put right; null: nothing.</returns>
    public Mended? Look(int index) => kept.With(index, link => socket.FindLink(index) is { } there
        ? TryMend(link, there, () => socket.ListAddresses(index, AddressFamily.InterNetworkV6).Select(a => a.Address))
        : null);

    /// <summary>Compares all of them.</summary>
    public IReadOnlyList<Mended> LookAtAll()
    {
        if (kept.All.Count == 0)
        {
            return [];
        }

        var addresses = socket.ListAddresses(0, AddressFamily.InterNetworkV6).ToLookup(a => a.LinkIndex, a => a.Address);
        return [.. socket.ListLinks().Select(there => kept.With(there.Index, link => TryMend(link, there, () => addresses[there.Index])))
            .OfType<Mended>()];
    }

    public void Dispose() => socket.Dispose();

    /// <summary>One link that cannot be mended is no reason to leave the others, or the rules, as they are.</summary>
    private Mended? TryMend(KeptLink link, LinkState there, Func<IEnumerable<IPAddress>> addresses)
    {
        try
        {
            var mended = Mend(link, there, addresses);
            _said.Remove(link.Name);
            return mended;
        }
        catch (Exception e) when (e is NetlinkException or IOException or UnauthorizedAccessException)
        {
            if (!_said.TryGetValue(link.Name, out var before) || before != e.Message)
            {
                _said[link.Name] = e.Message;
                Log.NotMended(logger, link.Name, e.Message);
            }

            return null;
        }
    }

    /// <exception cref="NetlinkException">What could be put right is; this could not.</exception>
    private Mended? Mend(KeptLink link, LinkState there, Func<IEnumerable<IPAddress>> addresses)
    {
        var wrong = new List<string>();
        using var batch = new RouteBatch();
        if (there.Name != link.Name)
        {
            wrong.Add($"name {there.Name}");
        }

        if (Difference(link, there, wrong) is { } change)
        {
            batch.ChangeLink(change);
        }

        var settings = network.Run(() => MendIpv6(link, there, wrong));
        if (there.Ipv6 is { IsDisabled: false } || settings)
        {
            foreach (var missing in WiringMessages.HostAddresses(link.Gateway6).Except(addresses()))
            {
                wrong.Add($"no address {missing}");
                batch.AddAddress(WiringMessages.HostAddress(link.Index, missing));
            }
        }

        if (wrong.Count == 0)
        {
            return null;
        }
        // A name may be taken; that keeps nothing else from being mended.
        var unnamed = there.Name == link.Name ? null : Name(link);
        if (batch.Count > 0)
        {
            // Gone meanwhile: its own notice follows. An address may have come back by another's hand.
            socket.Execute(batch, Errno.NoDevice, Errno.Exists);
        }

        return unnamed is null ? new(link.Name, string.Join(", ", wrong), there.Name != link.Name) : throw unnamed;
    }

    /// <summary>What of the link itself has to change, or null.</summary>
    private LinkChange? Difference(KeptLink link, LinkState there, List<string> wrong)
    {
        T? Unless<T>(bool isRight, string what, T wanted) where T : struct
        {
            if (!isRight)
            {
                wrong.Add(what);
            }

            return isRight ? null : wanted;
        }

        var before = wrong.Count;
        var isMac = there.Mac.Equals(WiringMessages.HostMac);
        var isIpv4 = there.Ipv4 is null || !WiringMessages.HostSettings(link.LetsLoopback).IsMissingIn(there.Ipv4);
        var change = new LinkChange
        {
            Index = link.Index,
            Up = Unless(there.IsUp, "down", true),
            Arp = Unless(there.HasArp, "asks for no neighbours (arp off)", true),
            Multicast = Unless(there.HasMulticast, "no multicast", true),
            Mtu = Unless(link.Mtu == 0 || there.Mtu == link.Mtu, $"MTU {there.Mtu}", link.Mtu),
            Group = Unless(there.Group == options.LinkGroup, $"group {there.Group}", options.LinkGroup),
            MasterIndex = Unless(there.MasterIndex == 0, $"a port of link {there.MasterIndex}", 0),
            AddressGeneration = Unless(there.AddressGeneration is null or AddressGenerationMode.None,
                $"addresses by {there.AddressGeneration}", AddressGenerationMode.None),
            Alias = there.Alias == link.Alias ? null : link.Alias,
            Mac = isMac ? null : WiringMessages.HostMac,
            Ipv4 = isIpv4 ? null : WiringMessages.HostSettings(link.LetsLoopback),
        };
        if (change.Alias is not null)
        {
            wrong.Add($"alias '{there.Alias}'");
        }

        if (!isMac)
        {
            wrong.Add($"MAC {there.Mac}");
        }

        if (!isIpv4)
        {
            wrong.Add("IPv4 settings");
        }

        return wrong.Count > before ? change : null;
    }

    /// <summary>What of IPv6 is settings alone. Under the name that the link has now.</summary>
    /// <returns>Whether IPv6 was turned on again.</returns>
    private static bool MendIpv6(KeptLink link, LinkState there, List<string> wrong)
    {
        if (there.Ipv6 is not { } settings)
        {
            return false;
        }

        var turnsOn = settings.IsDisabled && link.HasIpv6;
        foreach (var (isWrong, key, wanted) in new[] { (turnsOn, "disable_ipv6", "0"), (settings.AcceptRa != 0, "accept_ra", "0") })
        {
            if (isWrong)
            {
                wrong.Add(key);
                NetworkSysctls.Write($"net/ipv6/conf/{there.Name}/{key}", wanted);
            }
        }

        return turnsOn;
    }

    /// <returns>Why it has another name still; null: it has its own.</returns>
    private NetlinkException? Name(KeptLink link)
    {
        var outcome = Rename(link.Index, link.Name);
        if (!outcome.IsSuccess && outcome.Failures[0].Errno == Errno.Exists
            && socket.FindLink(link.Name) is { } other && kept.Find(other.Index) is { } wrong && wrong.Name != link.Name)
        {
            // Another host side has it, and is under this one's policy: to a name that no rule knows with it, its own follows.
            Rename(other.Index, string.Create(CultureInfo.InvariantCulture, $"away{other.Index}"));
            outcome = Rename(link.Index, link.Name);
        }

        return outcome.IsSuccess ? null
            : new((int)outcome.Failures[0].Errno, $"call link {link.Index} {link.Name} again; it stays closed until that name is free");
    }

    private RouteOutcome Rename(int index, string name)
    {
        var outcome = socket.Execute(b => b.ChangeLink(new() { Index = index, Name = name }), Errno.NoDevice, Errno.Busy, Errno.Exists);
        return outcome.IsSuccess || outcome.Failures[0].Errno != Errno.Busy ? outcome : socket.Execute(b =>
        {
            // Before Linux 6.2 a link that is up keeps its name.
            b.ChangeLink(new() { Index = index, Up = false });
            b.ChangeLink(new() { Index = index, Name = name });
            b.ChangeLink(new() { Index = index, Up = true });
        }, Errno.NoDevice, Errno.Exists);
    }

    /// <summary>What was put right on a link.</summary>
    /// <param name="Name">Its own.</param>
    /// <param name="What">What was wrong.</param>
    /// <param name="WasRenamed">It had another.</param>
    internal sealed record Mended(string Name, string What, bool WasRenamed);

    private static partial class Log
    {
        [LoggerMessage(4251, LogLevel.Error, "link {Name} was changed by others and cannot be mended, tried again at each look: {Reason}")]
        public static partial void NotMended(ILogger logger, string name, string reason);
    }
}
