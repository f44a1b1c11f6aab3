using System.Collections.Immutable;
using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Labels of a task as labels of an endpoint. Nothing of <c>projectcalico.org/</c> can come of them: slashes go.</summary>
internal static class TaskLabels
{
    public static ImmutableSortedDictionary<string, string> Of(IEnumerable<KeyValuePair<string, string>> labels)
    {
        var written = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in labels)
        {
            if (MesosLabelText.Sanitise(key) is { Length: > 0 } name)
            {
                written[name] = MesosLabelText.Sanitise(value);
            }
        }

        return written.ToImmutable();
    }
}
