using System.Collections.Immutable;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>Labels that Mesos' <c>network/cni</c> isolator passes in <c>args["org.apache.mesos"].network_info</c>.</summary>
/// <remarks>Both sides of a label are mapped to what a Kubernetes label may hold. That also keeps a task from taking a label of ours:
/// <c>projectcalico.org/…</c> loses its slash.</remarks>
internal static class MesosLabels
{
    public static ImmutableSortedDictionary<string, string> Read(ConfigurationObject networkInfo)
    {
        var labels = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var label in networkInfo.Object("labels").Objects("labels"))
        {
            if (MesosLabelText.Sanitise(label.Text("key")) is { Length: > 0 } key)
            {
                labels[key] = MesosLabelText.Sanitise(label.Text("value"));
            }
        }

        return labels.ToImmutable();
    }
}
