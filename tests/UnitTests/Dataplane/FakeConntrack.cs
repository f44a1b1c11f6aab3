using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Linux;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;

namespace Calico.UnitTests.Dataplane;

/// <summary>A kernel's tracked connections. Safe from any thread.</summary>
internal sealed class FakeConntrack : IConntrack
{
    private readonly Lock _gate = new();
    private readonly List<ConntrackEntry> _entries = [];
    private int _refusals;
    private int _walks;

    /// <summary>How often connections were looked for.</summary>
    public int Walks
    {
        get
        {
            lock (_gate)
            {
                return _walks;
            }
        }
    }

    /// <summary>So many times nothing is listed.</summary>
    public void Refuse(int times)
    {
        lock (_gate)
        {
            _refusals = times;
        }
    }

    /// <summary>A TCP connection between the two.</summary>
    public ConntrackEntry Open(string from, string to, ushort port = 80, ushort fromPort = 40000)
    {
        var (source, destination) = (IPAddress.Parse(from), IPAddress.Parse(to));
        var entry = new ConntrackEntry
        {
            OriginalSource = source, OriginalDestination = destination, ReplySource = destination, ReplyDestination = source, Protocol = 6,
            SourcePort = fromPort, DestinationPort = port, ReplySourcePort = port, ReplyDestinationPort = fromPort,
        };
        lock (_gate)
        {
            _entries.Add(entry);
        }

        return entry;
    }

    /// <summary>Those that are left, in words.</summary>
    public string[] Left()
    {
        lock (_gate)
        {
            return [.. _entries.Select(e => $"{e.OriginalSource}>{e.OriginalDestination}")];
        }
    }

    public HashSet<IPAddress> ListAddresses() => [.. Walk(_ => true)
        .SelectMany(e => new[] { e.OriginalSource, e.OriginalDestination, e.ReplySource, e.ReplyDestination })];

    public ImmutableArray<ConntrackEntry> List(ConntrackTuplePart part, IPAddress address) => Walk(e => e[part].Equals(address));

    public ImmutableArray<ConntrackEntry> List(IReadOnlySet<IPAddress> addresses) =>
        Walk(e => Enum.GetValues<ConntrackTuplePart>().Any(part => addresses.Contains(e[part])));

    public ImmutableArray<ConntrackEntry> List(AddressFamily family, Func<ConntrackEntry, bool> isWanted) =>
        Walk(e => e.OriginalSource.AddressFamily == family && isWanted(e));

    public int Delete(ImmutableArray<ConntrackEntry> entries)
    {
        lock (_gate)
        {
            return _entries.RemoveAll(entries.Contains);
        }
    }

    public void Dispose()
    {
    }

    private ImmutableArray<ConntrackEntry> Walk(Func<ConntrackEntry, bool> isWanted)
    {
        lock (_gate)
        {
            _walks++;
            if (_refusals > 0)
            {
                _refusals--;
                throw new NetlinkException((int)Errno.Busy, "list connections");
            }

            return [.. _entries.Where(isWanted)];
        }
    }
}
