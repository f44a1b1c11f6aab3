using System.Security.Cryptography;
using System.Text;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>Names of interfaces.</summary>
internal static class InterfaceName
{
    /// <summary>IFNAMSIZ with its final zero, linux/if.h.</summary>
    private const int MaxLength = 15;

    private const int HashDigits = 11;

    /// <summary>Host side of a pod, as upstream: prefix and eleven digits of SHA-1 over <c>namespace.pod</c>.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "Upstream's name, not a secret.")]
    public static string OfPod(string prefix, string podNamespace, string pod)
    {
        var digest = SHA1.HashData(Encoding.UTF8.GetBytes($"{podNamespace}.{pod}"));
        return prefix + Convert.ToHexStringLower(digest)[..HashDigits];
    }

    /// <summary>Host side of any other container, as upstream: prefix and the start of the container id.</summary>
    public static string OfContainer(string prefix, string containerId) =>
        prefix + containerId[..Math.Min(HashDigits, containerId.Length)];

    /// <summary>What the kernel takes as a name: dev_valid_name in net/core/dev.c, and not what its settings call all links.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= MaxLength && name is not ("." or ".." or "all" or "default")
        && !name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c) || c is < ' ' or > '~');
}
