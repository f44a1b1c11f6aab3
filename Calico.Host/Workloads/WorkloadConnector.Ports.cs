using System.Collections.Immutable;
using Calico.Host.Workloads.Ports;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Workloads;

/// <content>Changes of an endpoint while it lives, and its published ports over restarts.</content>
internal sealed partial class WorkloadConnector
{
    private readonly HostPorts _ports = new(book, kernel);

    /// <summary>Why published ports are closed; empty: none is.</summary>
    public ImmutableArray<string> LostPorts { get; private set; } = [];

    /// <summary>Changes labels, profiles or ports.</summary>
    public async Task UpdateAsync(WorkloadEndpointId id, EndpointChange change, CancellationToken ct)
    {
        PortRules.Check(change.Ports ?? []);
        using var hold = await book.Locks.EnterAsync(id, ct);
        var life = Find(id);
        var next = life.Record with
        {
            Labels = change.Labels ?? life.Record.Labels,
            LabelsPending = life.Record.LabelsPending && change.Labels is null,
            Profiles = change.Profiles ?? life.Record.Profiles,
            Ports = change.Ports is { } ports ? TakePorts(life.Record, [.. ports.Select(PublishedPortRecord.From)], life.Record.Ports) : life.Record.Ports,
            Facts = change.Facts ?? life.Record.Facts,
        };
        try
        {
            await CommitRecordAsync(next, ct);
            life.Replace(next);
            if (next is { Placed: true, Conflict: null })
            {
                Judge(life, await kernel.PublishAsync(LocalEndpoints.From(next), ct));
            }
        }
        finally
        {
            // What nothing leads to any more, or what was never recorded.
            _ports.Keep(id, life.Record.Ports);
        }

        SayPorts(life.Record, change.Ports);
    }

    /// <summary>Tries ports again that another process had.</summary>
    public async Task RetakePortsAsync(CancellationToken ct)
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
            if (next is { Placed: true, Conflict: null })
            {
                Judge(life, await kernel.PublishAsync(LocalEndpoints.From(next), ct));
            }

            Log.PortsBack(logger, next.Id, string.Join(", ", next.Ports.Where(p => !p.IsOff)));
        }

        LostPorts = lost.ToImmutable();
    }

    private ImmutableArray<PublishedPortRecord> TakePorts(EndpointRecord record, ImmutableArray<PublishedPortRecord> wishes,
        ImmutableArray<PublishedPortRecord> former) => _ports.Take(record.Id, wishes, record.Networks.Select(n => n.BaseAddress), former);

    /// <summary>The record with its ports held again, and what could not be.</summary>
    private EndpointRecord RetakePorts(EndpointRecord record)
    {
        if (record.Ports.IsEmpty)
        {
            return record;
        }

        var (next, lost) = _ports.Retake(record);
        LostPorts = LostPorts.AddRange(lost);
        foreach (var reason in lost)
        {
            Log.PortLost(logger, reason);
        }

        return next;
    }

    /// <summary>A port that was chosen here stands nowhere else that its owner looks.</summary>
    private void SayPorts(EndpointRecord record, ImmutableArray<PublishedPort>? asked)
    {
        if (asked is { IsEmpty: false })
        {
            Log.Published(logger, record.Id, string.Join(", ", record.Ports));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1180, LogLevel.Information, "{Endpoint}: published: {Ports}")]
        public static partial void Published(ILogger logger, WorkloadEndpointId endpoint, string ports);

        [LoggerMessage(1181, LogLevel.Error, "{Reason}")]
        public static partial void PortLost(ILogger logger, string reason);

        [LoggerMessage(1182, LogLevel.Information, "{Endpoint}: its ports are open again: {Ports}")]
        public static partial void PortsBack(ILogger logger, WorkloadEndpointId endpoint, string ports);
    }
}
