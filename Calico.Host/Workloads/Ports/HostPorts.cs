using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Calico.Host.Workloads.Ports;

/// <summary>Who has which port of this host: no two endpoints the same, and none that another process has.</summary>
/// <remarks>
/// A port is held by a bound socket while its endpoint lives, so another process's bind fails as it would with any server. Overlap
/// counts: every address of a family and one of it exclude each other; families and protocols do not. Of a protocol that this kernel has no
/// sockets for (SCTP as a module that is not loaded) only this book keeps order.
/// </remarks>
internal sealed class HostPorts(EndpointBook book, IKernelSide kernel) : IDisposable
{
    /// <summary>Attempts to find a port that is free in both families.</summary>
    private const int Attempts = 64;

    private readonly Lock _guard = new();
    private readonly List<Held> _held = [];

    /// <summary>Takes what is wished for an endpoint, beside what it has: <see cref="Keep"/> gives up what it no longer wants.</summary>
    /// <param name="id">Whose.</param>
    /// <param name="wishes">Not empty: each gets a port.</param>
    /// <param name="addresses">The endpoint's: a port is taken in the families that it has.</param>
    /// <param name="former">What it had chosen before: the same wish gets the same port if it can.</param>
    /// <returns>The wishes, each with its port.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>, <see cref="Problem.Invalid"/> or
    /// <see cref="Problem.Unsupported"/>
    /// with the field; nothing was taken.</exception>
    public ImmutableArray<PublishedPortRecord> Take(WorkloadEndpointId id, ImmutableArray<PublishedPortRecord> wishes,
        IEnumerable<IPAddress> addresses,
        ImmutableArray<PublishedPortRecord> former)
    {
        if (wishes.IsEmpty)
        {
            return [];
        }

        if (kernel.WhyNoPorts is { } why)
        {
            throw new CalicoException(Problem.Unsupported, why, "Ports");
        }

        var families = addresses.Select(a => a.AddressFamily).ToHashSet();
        var (taking, left) = (new Taking(id, [], []), former.ToList());
        lock (_guard)
        {
            try
            {
                var taken = ImmutableArray.CreateBuilder<PublishedPortRecord>(wishes.Length);
                foreach (var wish in wishes)
                {
                    var before = left.FindIndex(f => f.IsSameWish(wish) && f.Taken != 0);
                    var port = Choose(taking, taken.Count, wish, families, before < 0 ? 0 : left[before].Taken);
                    if (before >= 0)
                    {
                        left.RemoveAt(before);
                    }

                    taken.Add(wish with { Taken = port, IsOff = false });
                }

                return taken.MoveToImmutable();
            }
            catch
            {
                taking.Fresh.ForEach(Drop);
                throw;
            }
        }
    }

    /// <summary>Gives up what an endpoint has beside these.</summary>
    public void Keep(WorkloadEndpointId id, ImmutableArray<PublishedPortRecord> ports)
    {
        lock (_guard)
        {
            _held.FindAll(h => h.Owner == id && !ports.Any(p => !p.IsOff && p.Protocol == h.Protocol && p.Taken == h.Port
                && p.Covers(h.Address))).ForEach(Drop);
        }
    }

    /// <summary>Takes the ports of an endpoint of the log again. What another has by now is off: its traffic is the other's.</summary>
    /// <returns>The record as it is to be, and why each that is off is.</returns>
    public (EndpointRecord Record, ImmutableArray<string> Lost) Retake(EndpointRecord record)
    {
        var (ports, lost) = (record.Ports.ToBuilder(), ImmutableArray.CreateBuilder<string>());
        for (var i = 0; i < ports.Count; i++)
        {
            try
            {
                var only = ports[i] with { HostPort = ports[i].Taken != 0 ? ports[i].Taken : ports[i].HostPort, HostPortEnd = 0 };
                var taken = Take(record.Id, [only], record.Networks.Select(n => n.BaseAddress), [only])[0].Taken;
                ports[i] = ports[i] with { Taken = taken, IsOff = false };
            }
            catch (CalicoException e)
            {
                ports[i] = ports[i] with { IsOff = true };
                lost.Add($"{record.Id}: its port {ports[i]} is closed: {e.Message}");
            }
        }

        return (record with { Ports = ports.ToImmutable() }, lost.ToImmutable());
    }

    /// <summary>What leads through them stands in the kernel until the next process.</summary>
    public void Dispose()
    {
        lock (_guard)
        {
            _held.ToList().ForEach(Drop);
        }
    }

    private int Choose(Taking taking, int index, PublishedPortRecord wish, HashSet<AddressFamily> families, int before)
    {
        var places = wish.PlacesIn(families);
        if (places.IsEmpty)
        {
            throw new CalicoException(Problem.Invalid, $"{wish.HostIp} is of a family that the endpoint has no address of",
                PortRules.PathOf(index, "HostIp"));
        }

        string? refusal = null;
        foreach (var candidate in CandidatesOf(wish, before))
        {
            if (TryTake(taking, (ProtocolType)wish.Protocol, places, candidate, ref refusal) is { } port)
            {
                return port;
            }
        }

        throw new CalicoException(Problem.AlreadyExists, wish.HostPortEnd > wish.HostPort
            ? $"no port of {wish.HostPort}-{wish.HostPortEnd}/{wish.ProtocolName} is free; the last: {refusal}" : refusal!,
                PortRules.PathOf(index, "HostPort"));
    }

    private static IEnumerable<int> CandidatesOf(PublishedPortRecord wish, int before)
    {
        var ports = wish.HostPort == 0 ? Enumerable.Repeat(0, Attempts) : Enumerable.Range(wish.HostPort, Math.Max(wish.HostPort,
            wish.HostPortEnd) - wish.HostPort + 1);
        return before == 0 ? ports : ports.Where(p => p != before).Prepend(before);
    }

    /// <summary>One port in all places, or none.</summary>
    private int? TryTake(Taking taking, ProtocolType protocol, ImmutableArray<IPAddress> places, int port, ref string? refusal)
    {
        var (fresh, used) = (new List<Held>(), new List<Held>());
        foreach (var place in places)
        {
            if (port != 0 && _held.Find(h => h.Protocol == (int)protocol && h.Port == port && Overlap(h.Address, place)) is { } other)
            {
                if (other.Owner == taking.Id && other.Address.Equals(place) && !taking.Used.Contains(other) && !used.Contains(other))
                {
                    used.Add(other);
                    continue;
                }

                var whose = other.Owner == taking.Id ? "asked for twice" : $"{Describe(other.Owner)}'s";
                refusal = $"port {port}/{PortRules.NameOf(protocol)} is {whose}";
                fresh.ForEach(Drop);
                return null;
            }

            var hold = kernel.HoldPort(protocol, place, port);
            if (hold.Why is not null || hold.Port == 0)
            {
                refusal = hold.Why ?? $"no port of {PortRules.NameOf(protocol)} could be chosen";
                fresh.ForEach(Drop);
                return null;
            }

            port = hold.Port;
            var held = new Held(taking.Id, (int)protocol, place, port, hold.Socket);
            _held.Add(held);
            fresh.Add(held);
        }

        taking.Fresh.AddRange(fresh);
        taking.Used.AddRange([.. fresh, .. used]);
        return port;
    }

    private string Describe(WorkloadEndpointId id) =>
        book.TryFind(id, out var life) && EndpointReports.NameOf(life.Record) is { Length: > 0 } name ? $"{name} ({id})" : id.ToString();

    private void Drop(Held held)
    {
        _held.Remove(held);
        held.Socket?.Dispose();
    }

    private static bool Overlap(IPAddress a, IPAddress b) =>
        a.AddressFamily == b.AddressFamily && (a.Equals(b) || IsAny(a) || IsAny(b));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private sealed record Held(WorkloadEndpointId Owner, int Protocol, IPAddress Address, int Port, IDisposable? Socket);

    /// <summary>One call: what it took, and what it has used of what there was.</summary>
    private sealed record Taking(WorkloadEndpointId Id, List<Held> Fresh, List<Held> Used);
}
