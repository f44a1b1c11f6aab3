using System.Collections.Immutable;
using Calico.Datastore.Resources.V3;

namespace Calico.Felix.Calculation;

/// <summary>The IP set of a side of a rule that names a Service: as a destination addresses with the Service's ports, as a source addresses
/// alone.</summary>
internal static class ServiceSet
{
    /// <param name="side">Which, for errors.</param>
    /// <param name="rule">What it asks.</param>
    /// <param name="policyNamespace">That a Service without one is in; empty: it needs one.</param>
    /// <returns>Null: it names none.</returns>
    /// <exception cref="RuleUnusableException">It says no whole name, or something else beside it.</exception>
    public static IpSetDefinition? Of(string side, EntityRule rule, string policyNamespace)
    {
        if (rule.Services is not { } services)
        {
            return null;
        }

        var isDestination = side == "destination";
        if (services.Unknown is { Count: > 0 } unknown)
        {
            throw new RuleUnusableException($"unknown field {side}.services.{unknown.Keys.Order(StringComparer.Ordinal).First()}");
        }

        var beside = HasText(rule.Selector) ? "selector" : HasText(rule.NotSelector) ? "notSelector"
            : HasText(rule.NamespaceSelector) ? "namespaceSelector" : rule.ServiceAccounts is not null ? "serviceAccounts"
            : HasAny(rule.Nets) ? "nets" : HasAny(rule.NotNets) ? "notNets"
            : isDestination && HasAny(rule.Ports) ? "ports" : isDestination && HasAny(rule.NotPorts) ? "notPorts" : null;
        if (beside is not null)
        {
            throw new RuleUnusableException($"{side}.services: not together with {beside}");
        }

        var space = HasText(services.Namespace) ? services.Namespace! : policyNamespace;
        return string.IsNullOrEmpty(services.Name) ? throw new RuleUnusableException($"{side}.services.name: is missing")
            : space.Length == 0 ? throw new RuleUnusableException($"{side}.services.namespace: is missing")
            : IpSetDefinition.Of(new ServiceName(space, services.Name), isDestination);
    }

    private static bool HasText(string? text) => !string.IsNullOrEmpty(text);

    private static bool HasAny<T>(ImmutableArray<T>? items) => items is { IsDefaultOrEmpty: false };
}
