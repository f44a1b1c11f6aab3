using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>IPPool. Null fields were not set; readers use upstream's defaults.</summary>
public sealed record IpPoolSpec
{
    public string Cidr { get; set; } = "";
    public string? VxlanMode { get; init; }
    public string? IpipMode { get; init; }
    public bool? NatOutgoing { get; init; }
    public bool? Disabled { get; init; }
    [JsonPropertyName("disableBGPExport")] public bool? DisableBgpExport { get; init; }
    public int? BlockSize { get; init; }
    public string? NodeSelector { get; init; }
    public string? NamespaceSelector { get; init; }
    public ImmutableArray<string>? AllowedUses { get; init; }
    public string? AssignmentMode { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>Prefix length of the blocks of a pool that names none: 64 addresses.</summary>
    public static int DefaultBlockSize(Cidr pool) => pool.IsIpv6 ? 122 : 26;
}

/// <summary>IPPool: addresses that IPAM gives out.</summary>
internal static class IpPoolKind
{
    private static readonly string[] Encapsulations = ["ipipMode", "vxlanMode"];

    private static readonly Cidr[] LinkLocal = [Cidr.Parse("169.254.0.0/16"), Cidr.Parse("fe80::/10")];

    /// <summary>RFC 1122 3.2.1.3, RFC 1112, RFC 4291 2.5 and 2.7.</summary>
    private static readonly Cidr[] NobodysHost =
        [.. new[] { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/127", "ff00::/8" }.Select(Cidr.Parse)];

    internal static ResourceKind<IpPoolSpec> Create() => new()
    {
        Name = "IPPool",
        Plural = "ippools",
        Aliases = ["ipp", "ipps", "pool", "pools"],
        Spec = new(
            Required(Text("cidr", NetFormats.Net, 48)),
            WithDefault(Choice("vxlanMode", "Never", "Always", "CrossSubnet"), "\"Never\""),
            WithDefault(Choice("ipipMode", "Never", "Always", "CrossSubnet"), "\"Never\""),
            Flag("natOutgoing"),
            Flag("disabled"),
            Flag("disableBGPExport"),
            Number("blockSize", 0, 128),
            WithDefault(Selector("nodeSelector", 0), "\"all()\""),
            Selector("namespaceSelector", 0),
            Choices("allowedUses", 10, "Workload", "Tunnel", "LoadBalancer"),
            WithDefault(Choice("assignmentMode", "Automatic", "Manual"), "\"Automatic\""))
        {
            Rules = [Range, BlockSize],
            SchemaRules = [Encapsulation, LoadBalancer, Selectors],
        },
        Columns = [TableColumn.Name, TableColumn.Spec("CIDR", "cidr"), TableColumn.Spec("SELECTOR", "nodeSelector")],
        WideColumns =
        [
            TableColumn.Name, TableColumn.Spec("CIDR", "cidr"), TableColumn.Flag("NAT", "natOutgoing"),
            TableColumn.Spec("IPIPMODE", "ipipMode"), TableColumn.Spec("VXLANMODE", "vxlanMode"), TableColumn.Flag("DISABLED", "disabled"),
            TableColumn.Flag("DISABLEBGPEXPORT", "disableBGPExport"), TableColumn.Spec("SELECTOR", "nodeSelector"),
            TableColumn.Spec("ASSIGNMENTMODE", "assignmentMode"),
        ],
        AfterRead = IpPoolClientRules.FillDefaults,
        ClientRules = new IpPoolClientRules(),
    };

    private static void Range(JsonObjectView it, ShapeReport report)
    {
        if (Cidr.TryParse(it.Text("cidr"), out var cidr) && LinkLocal.Any(cidr.Overlaps))
        {
            report.Add(it.At("cidr"), "IP pool range overlaps with IPv4 or IPv6 Link Local range", it["cidr"]);
        }
        else if (NobodysHost.Any(range => range.Contains(cidr)))
        {
            report.Add(it.At("cidr"),
                "IP pool range lies in a loopback, multicast, unspecified or reserved range: no workload can have such an address",
                it["cidr"]);
        }
    }

    private static void BlockSize(JsonObjectView it, ShapeReport report)
    {
        if (!Cidr.TryParse(it.Text("cidr"), out var cidr))
        {
            return;
        }

        var blockSize = it.Number("blockSize") is { } set and not 0 ? set : IpPoolSpec.DefaultBlockSize(cidr);
        var (least, most) = cidr.IsIpv6 ? (116, 128) : (20, 32);
        if (blockSize < least || blockSize > most)
        {
            report.Add(it.At("blockSize"), $"block size must be between {least} and {most}", it["blockSize"]);
        }

        if (cidr.PrefixLength > blockSize && !it.IsTrue("disabled"))
        {
            report.Add(it.At("cidr"),
                $"IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size /{blockSize}.",
                it["cidr"]);
        }
    }

    private static void Encapsulation(JsonObjectView it, ShapeReport report)
    {
        var on = Encapsulations.Where(mode => IsOn(it, mode)).ToArray();
        if (on.Length == 2)
        {
            report.Add(it.Path, "ipipMode and vxlanMode cannot both be enabled on the same IP pool");
        }

        if (IsOn(it, "ipipMode") && Cidr.TryParse(it.Text("cidr"), out var cidr) && cidr.IsIpv6)
        {
            report.Add(it.At("ipipMode"), "IPIP is not supported on IPv6 pools", it["ipipMode"]);
        }
    }

    private static void LoadBalancer(JsonObjectView it, ShapeReport report)
    {
        var uses = it.Texts("allowedUses").ToArray();
        if (uses.Contains("Tunnel") && it.Has("namespaceSelector"))
        {
            report.Add(it.At("namespaceSelector"), "namespaceSelector cannot be used with allowedUse Tunnel", it["namespaceSelector"]);
        }

        if (!uses.Contains("LoadBalancer"))
        {
            return;
        }

        if (Encapsulations.Any(mode => IsOn(it, mode)))
        {
            report.Add(it.At("allowedUses"), "LoadBalancer IP pool cannot have IPIP or VXLAN enabled");
        }

        if (uses.Length > 1)
        {
            report.Add(it.At("allowedUses"), "LoadBalancer cannot be combined with Workload or Tunnel");
        }

        if (it.IsTrue("disableBGPExport"))
        {
            report.Add(it.At("disableBGPExport"), "LoadBalancer IP pools cannot disable BGP export");
        }

        if (it.Has("nodeSelector") && it.Text("nodeSelector") != "all()")
        {
            report.Add(it.At("nodeSelector"), "LoadBalancer IP pools must have nodeSelector all()", it["nodeSelector"]);
        }
    }

    private static void Selectors(JsonObjectView it, ShapeReport report)
    {
        foreach (var name in new[] { "nodeSelector", "namespaceSelector" })
        {
            if (it.Text(name).Contains("global(", StringComparison.Ordinal))
            {
                report.Add(it.At(name), $"global() selector is not valid for IPPool {name}", it[name]);
            }
        }
    }

    private static bool IsOn(JsonObjectView it, string mode) => it.Text(mode) is not ("" or "Never");
}
