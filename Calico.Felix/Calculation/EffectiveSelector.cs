using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Selectors;

namespace Calico.Felix.Calculation;

/// <summary>One selector over endpoints from the four ways in which a rule can name them.</summary>
internal static class EffectiveSelector
{
    public const string NamespaceLabel = "projectcalico.org/namespace";
    public const string ServiceAccountLabel = "projectcalico.org/serviceaccount";
    public const string OrchestratorLabel = "projectcalico.org/orchestrator";

    private const string NamespacePrefix = "pcns.";
    private const string ServiceAccountPrefix = "pcsa.";

    /// <summary>Null: the rule names no peer by label.</summary>
    /// <remarks>A notSelector alone confines the rule to the policy's namespace, as upstream; a rule with nets only is not
    /// confined.</remarks>
    public static Selector? Of(EntityRule side, string policyNamespace)
    {
        var accounts = OfAccounts(side.ServiceAccounts);
        var own = string.IsNullOrEmpty(side.Selector) ? null : Parse("selector", side.Selector);
        var selector = accounts is null ? own : own is null ? accounts : accounts.And(own);
        if (selector is null && string.IsNullOrEmpty(side.NotSelector) && string.IsNullOrEmpty(side.NamespaceSelector))
        {
            return null;
        }

        var where = !string.IsNullOrEmpty(side.NamespaceSelector)
            ? OfNamespaces("namespaceSelector", side.NamespaceSelector)
            : policyNamespace.Length > 0 ? Selector.LabelEquals(NamespaceLabel, policyNamespace) : null;
        return where is null ? selector : selector is null ? where : where.And(selector);
    }

    public static Selector Parse(string field, string text) => Selector.TryParse(text, out var selector, out var error)
        ? selector
        : throw new RuleUnusableException($"{field}: {error}");

    /// <summary>Endpoints of the namespaces that a selector over namespaces means.</summary>
    public static Selector OfNamespaces(string field, string text) => Parse(field, text).OverOwners(NamespacePrefix, NamespaceLabel);

    /// <summary>Endpoints of the service accounts that a selector over accounts means.</summary>
    public static Selector OfAccounts(string field, string text) =>
        Parse(field, text).OverOwners(ServiceAccountPrefix, ServiceAccountLabel);

    /// <summary>The same where <c>all()</c> stays all: with an account or without.</summary>
    public static Selector OfAccountLabels(string field, string text) => Parse(field, text).WithPrefix(ServiceAccountPrefix);

    private static Selector? OfAccounts(ServiceAccountMatch? accounts)
    {
        if (accounts is null)
        {
            return null;
        }

        var names = accounts.Names is { IsDefaultOrEmpty: false } given ? Selector.LabelIn(ServiceAccountLabel, given) : null;
        var labels = string.IsNullOrEmpty(accounts.Selector) ? null
            : OfAccounts("serviceAccounts.selector", accounts.Selector);
        return names is null ? labels : labels is null ? names : names.And(labels);
    }
}
