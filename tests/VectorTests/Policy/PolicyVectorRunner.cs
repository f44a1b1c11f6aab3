using System.Text.Json;

namespace Calico.VectorTests.Policy;

/// <summary>Judges <c>policy.json</c>: each flow is asked of the compiled programs of both its ends, and explained.</summary>
public sealed class PolicyVectorRunner : IVectorRunner
{
    private JsonElement _topologies;

    public string File => "policy.json";

    public void Open(JsonElement document) =>
        _topologies = document.TryGetProperty("topologies", out var topologies) ? topologies : default;

    public VectorVerdict Run(JsonElement vector)
    {
        var read = PolicyVector.Read(vector, _topologies);
        if (read.HostEndpoints.Length > 0)
        {
            return RunHosts(read);
        }

        var (network, explained) = (new PolicyNetwork(read), new ExplainedVector(read, ""));
        var wrong = read.Flows.Where(flow => network.Allows(flow) != flow.Allowed || explained.Allows(flow) != flow.Allowed).ToList();
        return wrong.Count == 0 ? VectorVerdict.Pass
            : VectorVerdict.Fail(string.Join('\n', wrong.Take(5).Select(flow => $"{flow} is not so")) + '\n' + network.Text());
    }

    /// <summary>A vector whose interface is given two ways holds both ways.</summary>
    private static VectorVerdict RunHosts(PolicyVector vector)
    {
        foreach (var interfaceName in (string[])["*", "eth0"])
        {
            var (network, explained) = (new HostVectorNetwork(vector, interfaceName), new ExplainedVector(vector, interfaceName));
            var wrong = vector.Flows.Where(flow => network.Allows(flow) != flow.Allowed || explained.Allows(flow) != flow.Allowed).ToList();
            if (wrong.Count > 0)
            {
                return VectorVerdict.Fail(string.Join('\n', wrong.Take(5).Select(flow => $"{interfaceName}: {flow} is not so"))
                    + '\n' + network.Text());
            }
        }

        return VectorVerdict.Pass;
    }
}
