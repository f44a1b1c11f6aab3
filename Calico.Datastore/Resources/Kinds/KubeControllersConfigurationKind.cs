using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

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
        Choice("autoCreate", "Enabled", "Disabled"), Choice("createDefaultHostEndpoint", "Enabled", "Disabled"), List("templates", Template))
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

    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
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
