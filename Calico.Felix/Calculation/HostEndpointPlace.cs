using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Labels;
using Calico.Felix.Output;

namespace Calico.Felix.Calculation;

/// <summary>A host endpoint as its last update says.</summary>
/// <param name="Name">Of the resource.</param>
/// <param name="Node">Whose it is.</param>
/// <param name="InterfaceName">Which interface; <c>*</c>: all that no other host endpoint has. Empty: those with an expected
/// address.</param>
/// <param name="Addresses">Expected ones; they are also what rules that select it mean.</param>
/// <param name="Profiles">Each once.</param>
/// <param name="Fault">Why it cannot be used: everything is denied there then. Null: it can.</param>
internal sealed record HostEndpointPlace(string Name, string Node, string InterfaceName, ImmutableArray<Cidr> Addresses,
    ImmutableArray<string> Profiles, string? Fault)
{
    public ImmutableSortedDictionary<string, string> Labels { get; private init; } = ImmutableSortedDictionary<string, string>.Empty;

    public ImmutableArray<EndpointPort> Ports { get; private init; } = [];

    public string Revision { get; private init; } = "";

    public bool IsOfAllInterfaces => InterfaceName == HostInterfaceUpdate.AllInterfaces;

    /// <summary>Reads one. Of what cannot be read the place is kept as far as it is legible; one that names no interface is of
    /// all.</summary>
    /// <returns>Null: it is gone, or nobody can tell which node is meant.</returns>
    public static HostEndpointPlace? Read(SyncUpdate update)
    {
        if (!Kinds.HostEndpoint.TryRead(update.Value ?? update.Fragment, out var resource) || string.IsNullOrEmpty(resource.Spec.Node))
        {
            return null;
        }

        var spec = resource.Spec;
        var addresses = ImmutableArray.CreateBuilder<Cidr>();
        var fault = update.Error ?? PolicyText.FaultOf(spec.Unknown);
        foreach (var text in spec.ExpectedIps ?? [])
        {
            if (Cidr.TryParse(text, out var address) && address.IsHost)
            {
                addresses.Add(address);
            }
            else
            {
                fault ??= $"expectedIPs: \"{text}\" is no address";
            }
        }

        // What no link can be called names none: no message to the kernel could carry it.
        var wrongName = string.IsNullOrEmpty(spec.InterfaceName) ? null : NameFormats.Interface(spec.InterfaceName);
        var isAnywhere = wrongName is not null || (string.IsNullOrEmpty(spec.InterfaceName) && addresses.Count == 0);
        var interfaceName = isAnywhere ? HostInterfaceUpdate.AllInterfaces : spec.InterfaceName ?? "";
        fault ??= wrongName is not null ? $"interfaceName: {wrongName}"
            : isAnywhere ? "neither interfaceName nor expectedIPs is given" : null;
        return new(update.Key.Name, spec.Node, interfaceName, addresses.ToImmutable(),
            [.. (spec.Profiles ?? []).Distinct(StringComparer.Ordinal)], fault)
        {
            Labels = resource.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty,
            Ports = [.. PortsOf(spec)],
            Revision = resource.Metadata.ResourceVersion ?? "",
        };
    }

    /// <summary>Whether it applies to an interface with these addresses.</summary>
    public bool Matches(string interfaceName, IReadOnlySet<Cidr> addresses) => InterfaceName.Length > 0
        ? InterfaceName == interfaceName
        : Addresses.Any(addresses.Contains);

    private static IEnumerable<EndpointPort> PortsOf(HostEndpointSpec spec)
    {
        foreach (var port in spec.Ports ?? [])
        {
            byte? protocol = port.Protocol?.ToString().ToLowerInvariant() switch
            {
                "tcp" => 6,
                "udp" => 17,
                "sctp" => 132,
                { } text when byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
                _ => null,
            };
            if (protocol is { } known && port is { Name.Length: > 0, Port: > 0 and <= ushort.MaxValue })
            {
                yield return new(port.Name, known, (ushort)port.Port.Value);
            }
        }
    }
}
