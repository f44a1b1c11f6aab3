using System.Collections.Immutable;
using System.Globalization;
using Calico.Cli.Input;
using Calico.Cli.Output;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.V3;

namespace Calico.Cli.Endpoints;

/// <summary>Workload endpoints for people: by name, with their state. Of this machine's endpoints the host says it; of others the store
/// only tells whether their profiles are there.</summary>
internal sealed class EndpointTable(CliEnvironment environment, ResourceClient client)
{
    internal async Task WriteAsync(ImmutableArray<Resource> items, bool withNamespace, CancellationToken ct)
    {
        var host = await HostView.ReadAsync(environment, ct);
        var profiles = (await client.ListAsync(Kinds.Profile, "", ct)).Items.Select(profile => profile.Metadata.Name)
            .ToHashSet(StringComparer.Ordinal);
        ImmutableArray<Resource<WorkloadEndpointSpec>> endpoints = [.. Kinds.WorkloadEndpoint.Among(items)];
        // Few publish any.
        var withPorts = endpoints.Any(e => Published(e.Spec).Length > 0);
        string[] headings =
            ["NAME", "ID", "NODE", "ADDRESS", .. withPorts ? (string[])["PORTS"] : [], "PROFILES", "INTERFACE", "STATE", "AGE"];
        var table = new TextTable(withNamespace ? ["NAMESPACE", .. headings] : headings);
        foreach (var endpoint in endpoints)
        {
            var spec = endpoint.Spec;
            string[] cells =
            [
                (EndpointName.Told(endpoint) ?? EndpointName.ShortId(endpoint)) + EndpointName.Which(endpoint),
                EndpointName.ShortId(endpoint), spec.Node ?? "", string.Join(',', (spec.IpNetworks ?? []).Select(Bare)),
                .. withPorts ? (string[])[Published(spec)] : [], string.Join(',', spec.Profiles ?? []),
                spec.InterfaceName ?? "", State(endpoint, host, profiles),
                endpoint.Metadata.CreationTimestamp is { } since
                    ? Duration.Format(Math.Max(0, Math.Floor((environment.Time.GetUtcNow() - since).TotalSeconds))) : "",
            ];
            table.Add(withNamespace ? [endpoint.Metadata.Namespace ?? "", .. cells] : cells);
        }

        table.Write(environment.Output, environment.Width);
        environment.Output.WriteLine();
    }

    private static string State(Resource<WorkloadEndpointSpec> endpoint, HostView host, HashSet<string> profiles)
    {
        if (endpoint.Spec.Profiles?.FirstOrDefault(profile => !profiles.Contains(profile)) is { } missing)
        {
            return $"profile {missing} is gone";
        }

        return host.StateOf(endpoint) switch
        {
            { State: "ProfileUnusable" } unusable => unusable.Reason,
            { Reason.Length: > 0 } known => $"{known.State.ToLowerInvariant()}: {known.Reason}",
            { } known => known.State.ToLowerInvariant(),
            null when host.Node.Length > 0 && endpoint.Spec.Node == host.Node => "not here",
            null => "-",
        };
    }

    /// <summary>Ports of the host that lead to it, as docker ps writes them.</summary>
    private static string Published(WorkloadEndpointSpec spec) =>
        string.Join(", ", (spec.Ports ?? []).Where(p => p.HostPort > 0).Select(p => string.Create(CultureInfo.InvariantCulture,
            $"{(p.HostIp is not { Length: > 0 } host ? "*" : host.Contains(':') ? $"[{host}]" : host)}:{p.HostPort}->{p.Port}/{p.Protocol}")
            .ToLowerInvariant()));

    private static string Bare(string network) => network.Split('/')[0];
}
