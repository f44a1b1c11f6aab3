using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Docker.DotNet.Models;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>What dockerd's answers say.</summary>
internal static class DaemonReading
{
    private static readonly ImmutableSortedDictionary<string, string> Nothing = ImmutableSortedDictionary<string, string>.Empty;

    /// <param name="network">As dockerd shows it.</param>
    /// <param name="containers">All of dockerd's, by id.</param>
    /// <param name="dockersIpam">Name of Docker's own IPAM driver.</param>
    public static DaemonNetwork Read(
        NetworkResponse network, Dictionary<string, ContainerListResponse> containers, string dockersIpam) => new()
    {
        Id = network.ID,
        Name = network.Name,
        IsInternal = network.Internal,
        Options = network.Options?.ToImmutableSortedDictionary() ?? Nothing,
        HasDockersIpam = network.IPAM?.Driver == dockersIpam,
        Subnets = [.. ConfigsOf(network).Select(c => (c.Subnet ?? "", string.IsNullOrEmpty(c.IPRange) ? null : c.IPRange))],
        Endpoints =
        [
            .. (network.Containers ?? new Dictionary<string, EndpointResource>()).Select(pair => Read(network.Name, pair, containers)),
        ],
    };

    public static IEnumerable<EndpointResource> EndpointsOf(NetworkResponse network) => network.Containers?.Values ?? [];

    public static IEnumerable<IPAddress> AddressesOf(NetworkResponse network) =>
        ConfigsOf(network).SelectMany(c => (c.AuxAddress?.Values ?? []).Append(c.Gateway))
            .Concat(EndpointsOf(network).SelectMany(e => (string[])[e.IPv4Address, e.IPv6Address]))
            .Select(AddressOf).OfType<IPAddress>();

    /// <summary>The network that an event tells of; empty: any; null: it tells nothing.</summary>
    public static string? NetworkOfEvent(string line)
    {
        if (line.Length == 0)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(line);
            var message = document.RootElement;
            return Text(message, "Type") == "network" && message.TryGetProperty("Actor", out var actor) ? Text(actor, "ID") : "";
        }
        catch (JsonException e)
        {
            throw new DaemonException($"dockerd sent an event that cannot be read: {e.Message}", e);
        }
    }

    private static string Text(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()! : "";

    private static IEnumerable<IPAMConfig> ConfigsOf(NetworkResponse network) => network.IPAM?.Config ?? [];

    private static IPAddress? AddressOf(string? text) => IPAddress.TryParse(text?.Split('/')[0], out var address) ? address : null;

    private static ContainerEndpoint Read(string network, KeyValuePair<string, EndpointResource> endpoint,
        Dictionary<string, ContainerListResponse> containers)
    {
        // "ep-…": no sandbox has it yet.
        var container = containers.GetValueOrDefault(endpoint.Key);
        return new(
            endpoint.Value.EndpointID, network, container?.ID ?? "", container?.Names?.FirstOrDefault()?.TrimStart('/') ?? "",
            container?.Labels?.ToImmutableSortedDictionary() ?? Nothing);
    }
}
