using System.Text.RegularExpressions;

namespace Calico.Host.Node;

/// <summary>Finds this node's name: setting, then the name it had before, then the host name in lower case (upstream's order).</summary>
internal static partial class NodeName
{
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with path <c>NODENAME</c>.</exception>
    public static string Determine(string setting, string file, Func<string> hostName)
    {
        var name = setting.Length > 0 ? setting
            : File.Exists(file) && File.ReadAllText(file).Trim() is { Length: > 0 } before ? before
            : hostName().ToLowerInvariant();
        return IsValid(name)
            ? name
            : throw new CalicoException(Problem.Invalid,
                $"the node's name '{name}' is not valid: at most 253 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit",
                "NODENAME");
    }

    public static bool IsValid(string name) => name.Length <= 253 && Valid().IsMatch(name);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Valid();
}
