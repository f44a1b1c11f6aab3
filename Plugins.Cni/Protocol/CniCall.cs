using Calico.Shim.Wire;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>The environment of one call, checked.</summary>
/// <param name="Role">Network plugin or IPAM plugin.</param>
/// <param name="Verb">CNI_COMMAND.</param>
/// <param name="ContainerId">CNI_CONTAINERID.</param>
/// <param name="InterfaceName">CNI_IFNAME.</param>
/// <param name="NamespacePath">CNI_NETNS; empty when unset, and on DEL after the namespace died.</param>
/// <param name="Args">CNI_ARGS.</param>
internal sealed record CniCall(ShimRole Role, string Verb, string ContainerId, string InterfaceName, string NamespacePath, CniArgs Args)
{
    /// <exception cref="CniException">Code 4, naming every variable that is missing.</exception>
    public static CniCall From(ShimRequest request)
    {
        var verb = request["CNI_COMMAND"] ?? "";
        // Which variables a command needs: the specification's table; PATH is asked for where delegates may have to be found.
        ReadOnlySpan<string> required = verb switch
        {
            "ADD" => ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
            "CHECK" => ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
            "DEL" => ["CNI_CONTAINERID", "CNI_IFNAME"],
            "GC" or "STATUS" or ShimRequest.TestVerb => [],
            "" => throw new CniException(CniCode.InvalidEnvironment, "required env variables [CNI_COMMAND] missing"),
            _ => throw new CniException(CniCode.InvalidEnvironment, $"unknown CNI_COMMAND: {verb}"),
        };
        var missing = new List<string>();
        foreach (var name in required)
        {
            if (string.IsNullOrEmpty(request[name]))
            {
                missing.Add(name);
            }
        }

        if (missing.Count > 0)
        {
            throw new CniException(CniCode.InvalidEnvironment, $"required env variables [{string.Join(',', missing)}] missing");
        }

        var call = new CniCall(request.Role, verb, request["CNI_CONTAINERID"] ?? "", request["CNI_IFNAME"] ?? "",
            request["CNI_NETNS"] ?? "",
            CniArgs.Parse(request["CNI_ARGS"] ?? "", lenient: verb is not ("ADD" or "CHECK")));
        if (required.Length > 0)
        {
            call.CheckNames();
        }

        return call;
    }

    private void CheckNames()
    {
        if (!IsContainerId(ContainerId))
        {
            throw new CniException(CniCode.InvalidEnvironment, "invalid CNI_CONTAINERID",
                $"\"{ContainerId}\": letters, digits, '_', '.' and '-', first a letter or digit");
        }

        if (!Protocol.InterfaceName.IsValid(InterfaceName))
        {
            throw new CniException(CniCode.InvalidEnvironment, "invalid CNI_IFNAME", $"\"{InterfaceName}\" cannot be an interface's name");
        }
    }

    private static bool IsContainerId(string id) =>
        id.Length <= 255 && char.IsAsciiLetterOrDigit(id[0]) && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}
