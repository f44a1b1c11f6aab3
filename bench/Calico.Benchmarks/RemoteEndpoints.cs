using System.Collections.Immutable;
using System.Globalization;
using Calico.Benchmarks.Policy;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;

namespace Calico.Benchmarks;

/// <summary>Writes into a store what other nodes run: a hundred endpoints each, as a cluster of an orchestrator has them.</summary>
/// <remarks>Two hundred namespaces with a profile each, fifty endpoints a deployment, whose labels are the same; names and addresses are
/// nobody else's. A value is about 700 bytes.</remarks>
public static class RemoteEndpoints
{
    private const int Namespaces = 200;
    private const int PerNode = 100;
    private const int PerDeployment = 50;

    // etcd takes 128 operations a transaction.
    private const int Batch = 100;

    /// <summary>Puts the namespaces' profiles and so many endpoints.</summary>
    public static async Task WriteAsync(IKeyValueStore store, int count, CancellationToken ct)
    {
        foreach (var chunk in Enumerable.Range(0,
            Namespaces).Select(StoreOperation (n) => Profile(n)).Concat(Enumerable.Range(0,
            count).Select(n => Endpoint(n, null))).Chunk(Batch))
        {
            await store.CommitAsync(new([], [.. chunk], []), ct);
        }
    }

    /// <summary>The namespaces' profiles.</summary>
    internal static IEnumerable<StoredValue> Profiles => Enumerable.Range(0, Namespaces).Select(n => ValueOf(Profile(n)));

    /// <summary>An endpoint by its number, as <see cref="WriteAsync"/> puts it; <paramref name="app"/>: labelled as of another
    /// deployment.</summary>
    internal static StoredValue Value(int number, string? app = null) => ValueOf(Endpoint(number, app));

    private static StoredValue ValueOf(StoreOperation.Put put) => new(put.Key, put.Value);

    private static StoreOperation.Put Profile(int number)
    {
        var profile = Kinds.Profile.New($"kns.team-{number}", new ProfileSpec
        {
            Ingress = [new() { Action = "Allow" }],
            Egress = [new() { Action = "Allow" }],
            LabelsToApply = Labels(("pcns.kubernetes.io/metadata.name", $"team-{number}"),
                ("pcns.stage", number % 2 == 0 ? "test" : "production")),
        });
        return new StoreOperation.Put(Kinds.Profile.Path(Kinds.Profile.KeyOf(profile)), Kinds.Profile.Encode(profile));
    }

    private static StoreOperation.Put Endpoint(int number, string? otherApp)
    {
        var deployment = number / PerDeployment;
        var (ns, app) = ($"team-{deployment % Namespaces}", otherApp ?? $"service-{deployment}");
        var hash = (deployment * 2654435761 % 4294967291).ToString("x8", CultureInfo.InvariantCulture);
        var pod = $"{app}-{hash}-{number % PerDeployment:x5}";
        // Neighbours in a deployment run on different nodes.
        var spec = new WorkloadEndpointSpec
        {
            Orchestrator = "k8s",
            Node = string.Create(CultureInfo.InvariantCulture, $"worker-{number % Math.Max(1, number / PerNode + 1)}"),
            Pod = pod,
            Endpoint = "eth0",
            ContainerId = $"{number:x64}",
            InterfaceName = $"cali{number:x11}",
            Mac = "ee:ee:ee:ee:ee:ee",
            ServiceAccountName = "default",
            IpNetworks = [$"10.{128 + number / 65536}.{number / 256 % 256}.{number % 256}/32"],
            Profiles = [$"kns.{ns}", $"ksa.{ns}.default"],
        };
        if (!WorkloadEndpointName.Of(spec).TryFormat(allowPrefix: false, out var name, out var wrong))
        {
            throw new InvalidOperationException($"no name can be made of it: {wrong}");
        }

        var endpoint = Kinds.WorkloadEndpoint.New(new ObjectMeta
        {
            Name = name,
            Namespace = ns,
            Labels = Labels(("app", app), ("pod-template-hash", hash), ("tier", deployment % 3 == 0 ? "backend" : "frontend"),
                ("projectcalico.org/namespace", ns), ("projectcalico.org/orchestrator", "k8s"),
                    ("projectcalico.org/serviceaccount", "default")),
        }, spec);
        return new StoreOperation.Put(Kinds.WorkloadEndpoint.Path(Kinds.WorkloadEndpoint.KeyOf(endpoint)),
            Kinds.WorkloadEndpoint.EncodeValid(endpoint));
    }

    private static ImmutableSortedDictionary<string, string> Labels(params ReadOnlySpan<(string Key, string Value)> labels)
    {
        var map = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in labels)
        {
            map.Add(key, value);
        }

        return map.ToImmutable();
    }
}
