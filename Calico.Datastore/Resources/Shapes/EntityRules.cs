using Calico.Datastore.Addresses;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Rules over one side of a policy rule.</summary>
internal static class EntityRules
{
    private const string GlobalCall = "global(";

    internal static void GlobalStandsAlone(JsonObjectView it, ShapeReport report)
    {
        var text = it.Text("namespaceSelector");
        if (text.Contains(GlobalCall, StringComparison.Ordinal)
            && string.Concat(text.Where(c => c is not (' ' or '\t'))) != "global()")
        {
            report.Add(it.At("namespaceSelector"), "global() cannot be combined with other selectors", it["namespaceSelector"]);
        }
    }

    internal static void GlobalOnlyInNamespaceSelector(JsonObjectView it, ShapeReport report)
    {
        NoGlobal(it, report, "selector");
        NoGlobal(it, report, "notSelector");
        NoGlobal(it.Object("serviceAccounts"), report, "selector");
    }

    /// <summary>Refuses global() in a selector that is no namespace selector of a rule.</summary>
    internal static void NoGlobal(JsonObjectView it, ShapeReport report, string name)
    {
        if (it.Text(name).Contains(GlobalCall, StringComparison.Ordinal))
        {
            report.Add(it.At(name), "global() can only be used in an EntityRule namespaceSelector", it[name]);
        }
    }

    internal static void NegatedNetsLeaveSomething(JsonObjectView it, ShapeReport report)
    {
        foreach (var net in it.Texts("notNets"))
        {
            if (Cidr.TryParse(net, out var cidr) && cidr.PrefixLength == 0)
            {
                report.Add(it.At("notNets"), "catch-all CIDR in negation creates logical contradiction (matches no traffic)");
            }
        }
    }

    internal static void ServicesStandAlone(JsonObjectView it, ShapeReport report)
    {
        if (!it.IsSet("services"))
        {
            return;
        }

        if (!it.Object("services").Has("name"))
        {
            report.Add(it.At("services.name"), "must specify a service name");
        }

        Exclude(it, report, "cannot specify NamespaceSelector and Services on the same rule", "namespaceSelector");
        Exclude(it, report, "cannot specify ServiceAccounts and Services on the same rule", "serviceAccounts");
        Exclude(it, report, "cannot specify Selector/NotSelector and Services on the same rule", "selector", "notSelector");
        Exclude(it, report, "cannot specify Nets/NotNets and Services on the same rule", "nets", "notNets");
    }

    private static void Exclude(JsonObjectView it, ShapeReport report, string message, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (it.Has(name))
            {
                report.Add(it.At(name), message);
            }
        }
    }
}
