using System.Collections.Immutable;
using System.Globalization;
using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Published ports begin and end where dockerd says that the container's traffic goes through this network.</summary>
/// <remarks>
/// Not with CreateEndpoint, which has the ports too: dockerd tells them to every network of a container, also beside a bridge that
/// publishes them itself, and only the one with the default route is told to program them. No call is repeated after a restart of
/// dockerd with live-restore; the host's record has the ports, so none is needed.
/// </remarks>
internal sealed class PortCalls(IWorkloadNetwork network, IWorkloadDataplane dataplane, IProfiles profiles, EndpointRemoval removal)
{
    private const string Field = "Ports[";

    /// <summary>The same again changes nothing: what was chosen stays.</summary>
    public async Task<Done> ProgramAsync(PortsRequest request, CancellationToken ct)
    {
        var endpoint = Fields.Id(request.EndpointId, "EndpointID");
        var ports = PublishedPorts.Read(request.Options);
        if (ports.IsEmpty)
        {
            return Done.Answer;
        }

        var id = EndpointCalls.IdOf(endpoint);
        var found = await network.FindAsync(id, ct) ?? throw new CalicoException(Problem.NotFound, $"there is no endpoint {endpoint}",
            "EndpointID");
        var opened = NetworksOf(found);
        if (PublishedPorts.ProfileOf(ports) is { } profile)
        {
            opened = opened.Add(await profiles.EnsureAsync(profile.Name, profile.Defaults, ct));
        }

        try
        {
            await removal.WithoutLostAsync(async () =>
            {
                await dataplane.UpdateAsync(id, new(Profiles: opened, Ports: ports), ct);
                return Done.Answer;
            }, ct);
        }
        catch (CalicoException e) when (e.Path is { } path && OptionOf(path, ports) is { } option)
        {
            throw new CalicoException(e.Problem, e.Message, option, e);
        }

        return Done.Answer;
    }

    /// <summary>Never known, gone, or without ports: done, and nothing is written.</summary>
    public async Task<Done> RevokeAsync(EndpointName request, CancellationToken ct)
    {
        var id = EndpointCalls.IdOf(Fields.Id(request.EndpointId, "EndpointID"));
        if (await network.FindAsync(id, ct) is { } found)
        {
            await dataplane.UpdateAsync(id, new(Profiles: NetworksOf(found), Ports: []), ct);
        }

        return Done.Answer;
    }

    /// <summary>The network's comes first, and whatever is beside it is of the ports.</summary>
    private static ImmutableArray<string> NetworksOf(Attachment endpoint) => [.. endpoint.Profiles.Take(1)];

    private static string? OptionOf(string path, ImmutableArray<PublishedPort> ports) => path == "Ports" ? "-p"
        : path.StartsWith(Field, StringComparison.Ordinal) && path.IndexOf(']', StringComparison.Ordinal) is > 0 and var end
            && int.TryParse(path.AsSpan()[Field.Length..end], NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                && index < ports.Length
            ? PublishedPorts.Text(ports[index]) : null;
}
