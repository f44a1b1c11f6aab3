using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads.Ports;

/// <summary>The published ports of this node's endpoints: what each has reserved, and what it lost while no process held it.</summary>
internal sealed partial class EndpointPorts(EndpointBook book, IKernelSide kernel, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>For one endpoint of a round.</summary>
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(2);

    private readonly HostPorts _ports = new(book, kernel);

    /// <summary>Why ports are closed; empty: none is.</summary>
    public ImmutableArray<string> Lost { get; private set; } = [];

    /// <summary>The record with a port for each of its wishes. Keeps what the endpoint has besides.</summary>
    /// <param name="record">Its wishes and addresses.</param>
    /// <param name="former">What it had chosen before.</param>
    /// <exception cref="CalicoException">One cannot be had; nothing was taken.</exception>
    public EndpointRecord Take(EndpointRecord record, ImmutableArray<PublishedPortRecord> former) => record with
    {
        Ports = _ports.Take(record.Id, record.Ports, record.Networks.Select(n => n.BaseAddress), former),
    };

    /// <summary>The same for a change: a wish that stays keeps its port.</summary>
    public EndpointRecord Change(EndpointRecord record, ImmutableArray<PublishedPort>? wishes)
    {
        if (wishes is not { } ports)
        {
            return record;
        }

        PortRules.Check(ports);
        var next = Take(record with { Ports = [.. ports.Select(PublishedPortRecord.From)] }, record.Ports);
        if (!next.Ports.IsEmpty)
        {
            Log.Published(logger, record.Id, string.Join(", ", next.Ports));
        }

        return next;
    }

    /// <summary>Refuses what a new life could not have, while the old one is whole; takes nothing.</summary>
    public void Probe(EndpointSpec spec, EndpointRecord before)
    {
        // Of which families it will be, as far as that is known before anything is claimed.
        var addresses = spec.Claim is { Exact.IsEmpty: true } claim
            ? new[] { (claim.Ipv4, IPAddress.Any), (claim.Ipv6, IPAddress.IPv6Any) }.Where(f => f.Item1 > 0).Select(f => f.Item2)
            : (spec.Claim?.Exact ?? []).Concat(spec.Leased).Concat(spec.Unmanaged.Select(n => n.BaseAddress));
        _ports.Take(spec.Id, [.. spec.Ports.Select(PublishedPortRecord.From)], addresses, before.Ports);
        _ports.Keep(spec.Id, before.Ports);
    }

    /// <summary>Gives up what an endpoint has beside these.</summary>
    public void Keep(WorkloadEndpointId id, ImmutableArray<PublishedPortRecord> ports) => _ports.Keep(id, ports);

    /// <summary>A record of the log, its ports held again. One that another process has by now is closed, and said.</summary>
    public EndpointRecord Restore(EndpointRecord record)
    {
        if (record.Ports.IsEmpty)
        {
            return record;
        }

        var (next, lost) = _ports.Retake(record);
        Lost = Lost.AddRange(lost);
        foreach (var reason in lost)
        {
            Log.Lost(logger, reason);
        }

        return next;
    }

    /// <summary>Tries ports again that another process had.</summary>
    public async Task RetakeAsync(CancellationToken ct)
    {
        var lost = ImmutableArray.CreateBuilder<string>();
        foreach (var life in book.All.Where(l => l.Record.Ports.Any(p => p.IsOff)))
        {
            using var hold = await book.Locks.EnterAsync(life.Record.Id, ct);
            if (!book.TryFind(life.Record.Id, out var now) || now != life || life.IsEnding)
            {
                continue;
            }

            var (next, still) = _ports.Retake(life.Record);
            lost.AddRange(still);
            if (next.Ports.SequenceEqual(life.Record.Ports))
            {
                continue;
            }

            life.Replace(next);
            if (next is { Placed: true, Conflict: null } && !await TryPublishAsync(next, ct))
            {
                lost.Add($"{next.Id}: its ports are free again, and the kernel did not take them within {Turn.TotalSeconds:0} s");
                continue;
            }

            Log.Back(logger, next.Id, string.Join(", ", next.Ports.Where(p => !p.IsOff)));
        }

        Lost = lost.ToImmutable();
    }

    /// <summary>Not longer than its turn: the endpoint's own calls wait meanwhile. What was not done by then is still desired.</summary>
    private async Task<bool> TryPublishAsync(EndpointRecord record, CancellationToken ct)
    {
        using var timeUp = new CancellationTokenSource(Turn, time);
        using var turn = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            await kernel.PublishAsync(LocalEndpoints.From(record), turn.Token);
            return true;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Whether a change asks for the ports and profiles that there are: nothing is written for it.</summary>
    public static bool IsNothing(EndpointChange change, EndpointLife life) =>
        change is { Labels: null, Facts: null } && (!life.Record.Placed || life.Status.State == EndpointState.Enforced)
        && (change.Profiles is not { } profiles || profiles.SequenceEqual(life.Record.Profiles))
        && (change.Ports is not { } ports || (ports.Length == life.Record.Ports.Length
            && ports.Select(PublishedPortRecord.From).Zip(life.Record.Ports).All(p => p.First.IsSameWish(p.Second))));

    public void Dispose() => _ports.Dispose();

    private static partial class Log
    {
        [LoggerMessage(1180, LogLevel.Information, "{Endpoint}: published: {Ports}")]
        public static partial void Published(ILogger logger, WorkloadEndpointId endpoint, string ports);

        [LoggerMessage(1181, LogLevel.Error, "{Reason}")]
        public static partial void Lost(ILogger logger, string reason);

        [LoggerMessage(1182, LogLevel.Information, "{Endpoint}: its ports are open again: {Ports}")]
        public static partial void Back(ILogger logger, WorkloadEndpointId endpoint, string ports);
    }
}
