using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Calico.Felix;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>The sequences of lists that endpoints have, each once, with a number.</summary>
/// <remarks>The number is a hash of the sequence, so a restarted process gives the same ones and finds its endpoints' elements in the
/// kernel as they should be.</remarks>
internal sealed class PolicyPrograms(Ruleset ruleset)
{
    private readonly Dictionary<EquatableArray<string>, Program> _programs = [];
    private readonly Dictionary<uint, Program> _byNumber = [];

    /// <summary>The program of a sequence; one more endpoint uses it.</summary>
    public uint Acquire(EquatableArray<string> lists) => Acquire(lists, () => Render(lists));

    /// <summary>The program that drops everything until labels come.</summary>
    public uint AcquireNotLabelled() => Acquire([Names.NotLabelled], () => [new RuleBuilder().Goto(Names.NotLabelled)]);

    public void Release(uint number)
    {
        var program = _byNumber[number];
        if (--program.Users > 0)
        {
            return;
        }
        _byNumber.Remove(number);
        _programs.Remove(program.Lists);
        ruleset.RemoveElement(Names.Programs, Element(number));
        ruleset.RemoveChain(Names.ProgramChain(number));
    }

    private uint Acquire(EquatableArray<string> lists, Func<ImmutableArray<NftRule>> render)
    {
        if (!_programs.TryGetValue(lists, out var program))
        {
            program = new(lists, Number(lists));
            _programs.Add(lists, program);
            _byNumber.Add(program.Number, program);
            ruleset.SetChain(Names.ProgramChain(program.Number), render());
            ruleset.AddElement(Names.Programs, Element(program.Number));
        }
        program.Users++;
        return program.Number;
    }

    private static ImmutableArray<NftRule> Render(EquatableArray<string> lists) =>
    [
        .. lists.Items.Select(l => new RuleBuilder().Jump(Names.ListChain(l))),
        new RuleBuilder().Drop(DropReason.ProfileNone),
    ];

    private static NftElement Element(uint number) => NftElement.Of(NftValue.Native(number), NftVerdict.Goto(Names.ProgramChain(number)));

    private uint Number(EquatableArray<string> lists)
    {
        var number = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lists.Items))));
        while (_byNumber.ContainsKey(number))
        {
            number++;
        }
        return number;
    }

    private sealed class Program(EquatableArray<string> lists, uint number)
    {
        public EquatableArray<string> Lists => lists;

        public uint Number => number;

        public int Users { get; set; }
    }
}
