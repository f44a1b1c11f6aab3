using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>KubeControllersConfiguration.</summary>
public sealed record KubeControllersConfigurationSpec
{
    public string? LogSeverityScreen { get; init; }
    public string? HealthChecks { get; init; }
    public string? EtcdV3CompactionPeriod { get; init; }
    public int? PrometheusMetricsPort { get; init; }
    public KubeControllers? Controllers { get; init; }
    public int? DebugProfilePort { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>One member per controller; absent: it does not run.</summary>
public sealed record KubeControllers
{
    public KubeNodeController? Node { get; init; }
    public KubeController? Policy { get; init; }
    public KubeController? WorkloadEndpoint { get; init; }
    public KubeController? ServiceAccount { get; init; }
    public KubeController? Namespace { get; init; }
    public KubeLoadBalancerController? LoadBalancer { get; init; }
    public KubeMigrationController? Migration { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A controller that only has a period.</summary>
public sealed record KubeController
{
    public string? ReconcilerPeriod { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>What follows Kubernetes' nodes.</summary>
public sealed record KubeNodeController
{
    public string? ReconcilerPeriod { get; init; }
    public string? SyncLabels { get; init; }
    public KubeHostEndpoints? HostEndpoint { get; init; }
    public string? LeakGracePeriod { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Host endpoints that are made for nodes.</summary>
public sealed record KubeHostEndpoints
{
    public string? AutoCreate { get; init; }
    public string? CreateDefaultHostEndpoint { get; init; }
    public ImmutableArray<KubeHostEndpointTemplate>? Templates { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>What such an endpoint is like.</summary>
public sealed record KubeHostEndpointTemplate
{
    public string? GenerateName { get; init; }
    [JsonPropertyName("interfaceCIDRs")] public ImmutableArray<string>? InterfaceCidrs { get; init; }
    public string? InterfacePattern { get; init; }
    public ImmutableSortedDictionary<string, string>? Labels { get; init; }
    public ImmutableSortedDictionary<string, string>? Annotations { get; init; }
    public string? NodeSelector { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Which services get addresses.</summary>
public sealed record KubeLoadBalancerController
{
    [JsonPropertyName("assignIPs")] public string? AssignIps { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Whether policies of before 3.32 are renamed.</summary>
public sealed record KubeMigrationController
{
    public string? PolicyNameMigrator { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>KubeControllersConfiguration: what upstream's controllers of Kubernetes objects do.</summary>
internal static class KubeControllersConfigurationKind
{
    private static readonly ObjectShape Template = new(
        Text("generateName", NameFormats.Subdomain, 253),
        Texts("interfaceCIDRs", NetFormats.Net),
        Text("interfacePattern", TextFormats.RegularExpression),
        Labels("labels"),
        Annotations("annotations"),
        Selector("nodeSelector"))
    {
        SchemaRules = [(it, report) =>
        {
            if (!it.Has("interfaceCIDRs") && !it.Has("interfacePattern"))
            {
                report.Add(it.Path, "at least one of interfaceCIDRs or interfacePattern must be set");
            }
        }],
    };

    private static readonly ObjectShape HostEndpoint = new(
        Choice("autoCreate", "Enabled", "Disabled"), Choice("createDefaultHostEndpoint", "Enabled", "Disabled"),
            List("templates", Template))
    {
        Rules = [(it, report) =>
        {
            var names = it.Objects("templates").Select(item => item.Text("generateName")).ToArray();
            if (names.Distinct(StringComparer.Ordinal).Count() != names.Length)
            {
                report.Add(it.At("templates"), "generateName must be unique");
            }
        }],
    };

    private static readonly ObjectShape Plain = new(Duration("reconcilerPeriod"));

    internal static ResourceKind<KubeControllersConfigurationSpec> Create() => new()
    {
        Name = "KubeControllersConfiguration",
        Plural = "kubecontrollersconfigurations",
        Aliases = ["kubecontrollersconfig", "kubecontrollersconfigs"],
        Spec = new(
            Choice("logSeverityScreen", "None", "Debug", "Info", "Warning", "Error", "Fatal", "Panic"),
            WithDefault(Choice("healthChecks", "Enabled", "Disabled"), "\"Enabled\""),
            Number("prometheusMetricsPort", 0, 65535),
            Number("debugProfilePort", 0, 65535),
            Duration("etcdV3CompactionPeriod"),
            Nested("controllers",
                Nested("node", Duration("reconcilerPeriod"), Choice("syncLabels", "Enabled", "Disabled"), Duration("leakGracePeriod"),
                    Nested("hostEndpoint", HostEndpoint)),
                Nested("policy", Plain),
                Nested("workloadEndpoint", Plain),
                Nested("serviceAccount", Plain),
                Nested("namespace", Plain),
                Nested("loadBalancer", Choice("assignIPs", "AllServices", "RequestedServicesOnly")),
                Nested("migration", Choice("policyNameMigrator", "Enabled", "Disabled")))),
        Rules = [ClusterInformationKind.OnlyDefault],
    };
}
