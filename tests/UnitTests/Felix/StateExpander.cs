using Calico.Datastore.Sync;
using Calico.Felix;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>Replays a list of states in every way in which they could arrive; after each the dataplane must hold the same.</summary>
internal static class StateExpander
{
    private static readonly FelixState Empty = new("empty") { Expected = "" };

    /// <summary>How the states follow each other, times how each is handed over.</summary>
    public static IEnumerable<TestCaseData> Cases(FelixState[] states)
    {
        (string Name, FelixState[] States)[] orders =
        [
            ("forward", states),
            ("and_back", [.. states, .. states.Reverse()]),
            ("with_nothing_between", [.. states.SelectMany(s => new[] { s, Empty })]),
            ("twice", [.. states.SelectMany(s => new[] { s, s })]),
            ("first_to_last", [Empty, states[^1], states[0], states[^1], Empty]),
        ];
        foreach (var (name, order) in orders)
        {
            foreach (var way in Enum.GetValues<Delivery>())
            {
                yield return new TestCaseData(order, way).SetName($"States_{name}_{way}");
            }
        }
    }

    public static void Replay(FelixState[] states, Delivery way)
    {
        var (graph, dataplane, former) = (new CalculationGraph(FelixState.Node, followsServices: true), new FakeDataplane(), Empty);
        graph.Apply(new(SyncStatus.InSync, 1, []));
        foreach (var state in states)
        {
            var steps = Steps(former, state);
            switch (way)
            {
                case Delivery.Split or Delivery.SplitLocalFirst:
                    foreach (var step in way == Delivery.SplitLocalFirst ? steps.AsEnumerable().Reverse() : steps)
                    {
                        step(graph);
                        Flush(graph, dataplane);
                    }

                    break;
                case Delivery.Duplicated:
                    foreach (var step in steps.Concat(steps))
                    {
                        step(graph);
                    }

                    break;
                default:
                    steps.ForEach(s => s(graph));
                    break;
            }

            Flush(graph, dataplane);
            Check(state, dataplane);
            former = state;
        }
    }

    /// <summary>Everything at once in a new graph, and only then in sync.</summary>
    public static string Snapshot(FelixState state)
    {
        var (graph, dataplane) = (new CalculationGraph(FelixState.Node, followsServices: true), new FakeDataplane());
        Steps(Empty, state).ForEach(s => s(graph));
        graph.Apply(new(SyncStatus.Resync, 1, []));
        Assert.That(graph.Flush(), Is.Empty, "told before the store was read to its end");
        graph.Apply(new(SyncStatus.InSync, 2, []));
        Flush(graph, dataplane);
        return dataplane.Dump();
    }

    private static void Check(FelixState state, FakeDataplane dataplane)
    {
        Assert.That(dataplane.Dump(), Is.EqualTo(Snapshot(state)), $"{state.Name}: differs from a new graph");
        if (state.Expected is { } expected)
        {
            Assert.That(dataplane.Dump(), Is.EqualTo(expected.ReplaceLineEndings()), state.Name);
        }
    }

    private static void Flush(CalculationGraph graph, FakeDataplane dataplane)
    {
        foreach (var update in graph.Flush())
        {
            dataplane.Apply(update);
        }

        Assert.That(graph.Flush(), Is.Empty, "a flush without a change");
    }

    private static List<Action<CalculationGraph>> Steps(FelixState from, FelixState to)
    {
        var steps = new List<Action<CalculationGraph>>();
        foreach (var key in from.Stored.Keys.Except(to.Stored.Keys))
        {
            steps.Add(g => g.Apply(new(SyncStatus.Resync, 1, [new(key, null)])));
        }

        foreach (var (key, update) in to.Stored.Where(s => !from.Stored.TryGetValue(s.Key, out var before) || before != s.Value))
        {
            steps.Add(g => g.Apply(new(SyncStatus.Resync, 1, [update])));
        }

        foreach (var name in from.Interfaces.Keys.Except(to.Interfaces.Keys))
        {
            steps.Add(g => g.RemoveInterface(name));
        }

        foreach (var (name, addresses) in to.Interfaces)
        {
            steps.Add(g => g.SetInterface(name, addresses.Select(Datastore.Addresses.Cidr.Parse)));
        }

        foreach (var id in from.Local.Keys.Except(to.Local.Keys))
        {
            steps.Add(g => g.Remove(id));
        }

        foreach (var endpoint in to.Local.Values.Where(e => !from.Local.TryGetValue(e.Id, out var before) || before != e))
        {
            steps.Add(g => g.Set(endpoint));
        }

        return steps;
    }
}

/// <summary>How a state is handed to the graph.</summary>
public enum Delivery
{
    Together,
    Split,
    SplitLocalFirst,
    Duplicated,
}
