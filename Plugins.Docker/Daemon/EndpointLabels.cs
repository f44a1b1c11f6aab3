using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>What a container's labels become on its endpoints.</summary>
internal static class EndpointLabels
{
    /// <summary>Upstream's prefix: what stands behind it is the label.</summary>
    private const string Prefix = "org.projectcalico.label.";

    private const string Project = "com.docker.compose.project";
    private const string Service = "com.docker.compose.service";

    private const int MaxValue = 63;

    /// <summary>Labels for policy to select by.</summary>
    /// <param name="endpoint">As dockerd knows it.</param>
    /// <param name="refused">Gets those that cannot be labels, with why.</param>
    public static ImmutableSortedDictionary<string, string> Of(ContainerEndpoint endpoint, List<string> refused)
    {
        var labels = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in endpoint.Labels)
        {
            if (key.StartsWith(Prefix, StringComparison.Ordinal))
            {
                Add(labels, key[Prefix.Length..], value, refused);
            }
            else if (key is Project or Service)
            {
                Add(labels, key, value, refused);
            }
        }

        Add(labels, "docker.network", endpoint.NetworkName, refused);
        Add(labels, "docker.container", endpoint.ContainerName, refused);
        return labels.ToImmutable();
    }

    /// <summary>What is shown of the endpoint.</summary>
    public static ImmutableSortedDictionary<string, string> FactsOf(ContainerEndpoint endpoint) =>
        ImmutableSortedDictionary<string, string>.Empty.Add("containerID", endpoint.ContainerId).Add("name", endpoint.ContainerName);

    private static void Add(ImmutableSortedDictionary<string, string>.Builder labels, string key, string value, List<string> refused)
    {
        if (!IsKey(key))
        {
            refused.Add($"'{key}' is no label's key");
        }
        else if (!IsValue(value))
        {
            refused.Add($"'{value}' is no value of label {key}");
        }
        else
        {
            labels[key] = value;
        }
    }

    /// <summary>As a resource's label: an optional prefix of a DNS name, then a name of 63.</summary>
    private static bool IsKey(string key) => key.Split('/') switch
    {
        [var name] => name.Length > 0 && IsValue(name),
        [var prefix, var name] => prefix.Length is > 0 and <= 253 && prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.')
            && name.Length > 0 && IsValue(name),
        _ => false,
    };

    private static bool IsValue(string value) => value.Length == 0 || (value.Length <= MaxValue
        && char.IsAsciiLetterOrDigit(value[0]) && char.IsAsciiLetterOrDigit(value[^1])
        && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'));
}
