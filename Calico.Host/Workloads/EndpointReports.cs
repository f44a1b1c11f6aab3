using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Calico.Dataplane;
using Calico.Host.Health;
using Calico.Host.Node;
using Microsoft.AspNetCore.Http;

namespace Calico.Host.Workloads;

/// <summary>This node's endpoints as they are shown: <c>/endpoints</c>, <c>/program</c>, their share of the status, their meter.</summary>
internal sealed class EndpointReports : IControlRoutes, IStatusPart
{
    /// <summary>An enforced endpoint one of whose profiles denies everything, whatever its author wrote.</summary>
    private const string ProfileUnusable = "ProfileUnusable";

    private readonly EndpointBook _book;
    private readonly StoreCensus _census;
    private readonly DataplaneLoop _dataplane;

    public EndpointReports(EndpointBook book, StoreCensus census, DataplaneLoop dataplane, HostMeters meters)
    {
        (_book, _census, _dataplane) = (book, census, dataplane);
        meters.Create("Calico.Workloads")
            .CreateObservableGauge("felix_active_local_endpoints", () => _book.Count, null, "Workload endpoints of this node.");
    }

    public string Part => "endpoints";

    public void Map(ControlRoutes routes)
    {
        routes.MapGet("/endpoints", context => ControlApi.WriteAsync(context, List(), StatusJson.Default.ImmutableArrayEndpointReport));
        routes.MapGet("/program", async context =>
        {
            var name = context.Request.Query["interface"].ToString();
            if (!_book.TryFindByInterface(name, out var id))
            {
                throw new CalicoException(Problem.NotFound, $"there is no endpoint with interface '{name}' on this node");
            }

            await context.Response.WriteAsync(await _dataplane.DescribeAsync(id, context.RequestAborted), context.RequestAborted);
        });
    }

    public Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        var states = List().GroupBy(e => e.State).ToImmutableSortedDictionary(g => g.Key, g => g.Count());
        var warnings = Warnings();
        var idle = _census.Idle;
        var enforced = _dataplane.EnforcedRevision;
        return Task.FromResult<Func<StatusReport, StatusReport>>(report => report with
        {
            Endpoints = states,
            Warnings = report.Warnings.AddRange(warnings),
            NotEnforced = idle,
            Datastore = report.Datastore with { Revision = enforced },
        });
    }

    /// <summary>In key order.</summary>
    private ImmutableArray<EndpointReport> List() =>
        [.. _book.All.Select(life => (life.Record, life.Status)).OrderBy(life => life.Record.Key, StringComparer.Ordinal).Select(life =>
        {
            var (state, reason) = (life.Status.State.ToString(), life.Status.Reason);
            if (life.Status.State == EndpointState.Enforced && FaultsOf(life.Record) is [var fault, ..])
            {
                (state, reason) = (ProfileUnusable, $"profile '{fault.Profile}': {fault.Reason}; what no other profile allows is dropped");
            }

            var record = life.Record;
            return new EndpointReport(record.Id.ToString(), NameOf(record), record.Instance, record.Adapter, record.Network,
                record.HostInterface,
                record.Addresses, record.Profiles, state, reason) { Ports = [.. record.Ports.Select(p => p.IsOff ? $"{p} (closed)"
                    : p.ToString())] };
        })];

    /// <summary>What a person should see to.</summary>
    private ImmutableArray<WarningReport> Warnings() =>
    [
        .. _book.All.SelectMany(life => FaultsOf(life.Record), (life, fault) => (life.Record, fault))
            .GroupBy(pair => pair.fault, pair => Shown(pair.Record))
            .OrderBy(group => group.Key.Profile, StringComparer.Ordinal)
            .Select(group => new WarningReport("profile",
                $"'{group.Key.Profile}' cannot be used ({group.Key.Reason}); {string.Join(", ", group.Order(StringComparer.Ordinal))} "
                + "drop what it should allow", $"calicoctl get profile {group.Key.Profile} -o yaml")),
        .. _census.Partly.Select(policy => new WarningReport("policy", $"{policy.Key}: {policy.Reason}", "")),
        .. _census.Unusable.Select(policy => new WarningReport("policy",
            $"{policy.Key} cannot be used ({policy.Reason}); it denies everything where it applies",
            $"calicoctl get {policy.Key.Kind.ToLowerInvariant()} {policy.Key.Name}{(policy.Key.Namespace.Length > 0 ? $" -n {policy.Key.Namespace}" : "")} -o yaml")),
    ];

    private ImmutableArray<(string Profile, string Reason)> FaultsOf(
        EndpointRecord record) => [.. (_dataplane.InSync ? record.Profiles : [])
        .Select(profile => (profile, reason: _census.FaultOf(profile))).Where(pair => pair.reason is not null)
        .Select(pair => (pair.profile, pair.reason!))];

    /// <summary>What whoever started it calls it; empty: nothing.</summary>
    internal static string NameOf(EndpointRecord record) =>
        record.Facts.GetValueOrDefault("pod") is { } pod ? $"{record.Namespace}/{pod}" : record.Facts.GetValueOrDefault("name", "");

    private static string Shown(EndpointRecord record) =>
        NameOf(record) is { Length: > 0 } name ? name : record.Workload[..Math.Min(12, record.Workload.Length)];
}
