using System.Collections.Immutable;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>An endpoint's name and two of its labels follow from its spec and namespace; nobody may claim others.</summary>
internal sealed class WorkloadEndpointClientRules : ClientRules
{
    public override bool NameIsRequired => false;

    protected override Resource Prepare(Resource resource)
    {
        var endpoint = (Resource<WorkloadEndpointSpec>)resource;
        if (!WorkloadEndpointName.Of(endpoint.Spec).TryFormat(allowPrefix: false, out var name, out var wrongField))
        {
            throw ResourceErrors.Invalid($"Spec.{wrongField}", "field must be set, and must not begin or end with '-', to name the endpoint");
        }

        if (endpoint.Metadata.Name.Length > 0 && endpoint.Metadata.Name != name)
        {
            throw ResourceErrors.Invalid("Metadata.Name",
                $"the WorkloadEndpoint name does not match the primary identifiers assigned in the Spec: expected name {name}",
                endpoint.Metadata.Name);
        }

        var labels = (endpoint.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty)
            .SetItem("projectcalico.org/namespace", endpoint.Metadata.Namespace ?? "")
            .SetItem("projectcalico.org/orchestrator", endpoint.Spec.Orchestrator ?? "");
        return endpoint with { Metadata = endpoint.Metadata with { Name = name, Labels = labels } };
    }
}
