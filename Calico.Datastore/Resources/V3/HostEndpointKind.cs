using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>HostEndpoint.</summary>
public sealed record HostEndpointSpec
{
    public string? Node { get; init; }

    /// <summary><c>*</c>: all of the host.</summary>
    public string? InterfaceName { get; init; }

    [JsonPropertyName("expectedIPs")] public ImmutableArray<string>? ExpectedIps { get; init; }
    public ImmutableArray<string>? Profiles { get; init; }
    public ImmutableArray<HostEndpointPort>? Ports { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A port of a host that has a name.</summary>
public sealed record HostEndpointPort
{
    public string? Name { get; init; }
    public NumberOrString? Protocol { get; init; }
    public int? Port { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>HostEndpoint: an interface, or all, of a host.</summary>
internal static class HostEndpointKind
{
    private static readonly ObjectShape Port = new(
        Required(Text("name", NameFormats.PortName)), Required(Protocol("protocol")), Required(Number("port", 1, 65535)))
    {
        Rules = [WorkloadEndpointKind.ProtocolWithPorts],
    };

    internal static ResourceKind<HostEndpointSpec> Create() => new()
    {
        Name = "HostEndpoint",
        Plural = "hostendpoints",
        Aliases = ["hep", "heps"],
        Spec = new(
            Text("node", NameFormats.Subdomain, 253),
            Text("interfaceName", NameFormats.Interface),
            Texts("expectedIPs", NetFormats.Address, set: true),
            Texts("profiles", NameFormats.Subdomain, set: true),
            List("ports", Port))
        {
            SchemaRules = [(it, report) =>
            {
                if (!it.Has("interfaceName") && !it.Has("expectedIPs"))
                {
                    report.Add(it.Path, "at least one of interfaceName or expectedIPs must be specified");
                }

                if (!it.Has("node"))
                {
                    report.Add(it.At("node"), "node must be specified");
                }
            }],
        },
        Columns = [TableColumn.Name, TableColumn.Spec("NODE", "node")],
        WideColumns =
        [
            TableColumn.Name, TableColumn.Spec("NODE", "node"), TableColumn.Spec("INTERFACE", "interfaceName"),
            TableColumn.List("IPS", "expectedIPs"), TableColumn.List("PROFILES", "profiles"),
        ],
    };
}
