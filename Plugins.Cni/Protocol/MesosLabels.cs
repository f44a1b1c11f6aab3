using System.Collections.Immutable;
using System.Text;

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
            if (Sanitise(label.Text("key")) is { Length: > 0 } key)
            {
                labels[key] = Sanitise(label.Text("value"));
            }
        }

        return labels.ToImmutable();
    }

    /// <summary>A slash becomes a dot, another foreign character a dash; a run of dots and dashes that holds a dot becomes one dot; dots
    /// and dashes at the ends go.</summary>
    public static string Sanitise(string text)
    {
        var mapped = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            mapped.Append(c == '/' ? '.' : char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-');
        }

        var result = new StringBuilder(mapped.Length);
        for (var i = 0; i < mapped.Length;)
        {
            var end = i;
            var dotted = false;
            while (end < mapped.Length && mapped[end] is '.' or '-')
            {
                dotted |= mapped[end++] == '.';
            }

            if (dotted)
            {
                result.Append('.');
            }
            else
            {
                result.Append(mapped, i, end - i);
            }

            if (end < mapped.Length)
            {
                result.Append(mapped[end++]);
            }

            i = end;
        }

        return result.ToString().Trim('.', '-');
    }
}
