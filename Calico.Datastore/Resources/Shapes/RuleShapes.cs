using System.Collections.Immutable;
using Calico.Datastore.Resources.Formats;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Rules of policies and profiles. A rule of a policy knows its direction and whether the policy is global.</summary>
public static class RuleShapes
{
    /// <summary>Most rules of one direction.</summary>
    public const int MaxRules = 1024;

    private static readonly ObjectShape Icmp = new(Number("type", 0, 254), Number("code", 0, 255))
    {
        SchemaRules = [(it, report) =>
        {
            if (it.IsSet("code") && !it.IsSet("type"))
            {
                report.Add(it.At("code"), "ICMP code specified without an ICMP type");
            }
        }],
    };

    private static readonly ObjectShape HttpPathShape = new(Text("exact", TextFormats.HttpPath, 1024),
        Text("prefix", TextFormats.HttpPath, 1024))
    {
        Rules = [(it, report) =>
        {
            if (it.IsSet("exact") == it.IsSet("prefix"))
            {
                report.Add(it.Path, "must have exactly one of exact and prefix");
            }
        }],
    };

    /// <summary>One side of a rule.</summary>
    public static ObjectShape Entity { get; } = new(
        Texts("nets", NetFormats.Net, 256, set: true),
        Selector("selector"),
        Selector("namespaceSelector"),
        Nested("services", Text("name", maxLength: 253), Text("namespace", maxLength: 253)),
        List("ports", new NumberOrTextShape(NumberFormats.Port), 50),
        Texts("notNets", NetFormats.Net, 256, set: true),
        Selector("notSelector"),
        List("notPorts", new NumberOrTextShape(NumberFormats.Port), 50),
        Nested("serviceAccounts", Texts("names", NameFormats.Subdomain, set: true), Selector("selector")))
    {
        Rules = [EntityRules.GlobalStandsAlone, EntityRules.NegatedNetsLeaveSomething],
        SchemaRules = [EntityRules.GlobalOnlyInNamespaceSelector, EntityRules.ServicesStandAlone],
    };

    /// <summary>A rule whose direction is not known (profiles, bare rules).</summary>
    public static ObjectShape Rule { get; } = Create();

    /// <summary>Rule for what comes in.</summary>
    public static ObjectShape Ingress(bool global) => Create(RuleRules.NoServicesIn("destination", "ingress"), global);

    /// <summary>Rule for what goes out.</summary>
    public static ObjectShape Egress(bool global) => Create(RuleRules.NoServicesIn("source", "egress"), global, RuleRules.NoHttp);

    private static ObjectShape Create(ObjectCheck? placement = null, bool global = false, ObjectCheck? more = null)
    {
        ImmutableArray<ObjectCheck?> directed = [placement, more, global ? RuleRules.ServicesNameTheirNamespace : null];
        return new(
            Required(Choice("action", "Allow", "Deny", "Log", "Pass")),
            Number("ipVersion", 4, 6),
            Protocol("protocol"),
            Nested("icmp", Icmp),
            Protocol("notProtocol"),
            Nested("notICMP", Icmp),
            Nested("source", Entity),
            Nested("destination", Entity),
            Nested("http", Texts("methods", maxItems: 20, set: true), List("paths", HttpPathShape, 20)),
            Nested("metadata", Annotations("annotations")))
        {
            Rules = [RuleRules.IpVersion, RuleRules.PortsFitProtocol, RuleRules.OneFamily, .. directed.OfType<ObjectCheck>()],
            SchemaRules = [RuleRules.IcmpFitsProtocol, RuleRules.IcmpFitsVersion, RuleRules.HttpFits, RuleRules.ServicesWithoutPorts],
        };
    }
}
