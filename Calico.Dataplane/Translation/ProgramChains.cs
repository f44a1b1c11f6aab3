using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>The chain of each program that endpoints have, once, with a number.</summary>
/// <remarks>The number is a hash of the program's identity, so a restarted process gives the same ones and finds its endpoints' elements in
/// the kernel as they should be. While packets may be on their way to a program that nobody has any more, its number is no other's.
/// </remarks>
internal sealed class ProgramChains(Ruleset ruleset)
{
    private readonly Dictionary<string, Program> _programs = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, Program> _byNumber = [];

    /// <summary>Whose the numbers were that are still in the kernel.</summary>
    private readonly Dictionary<uint, string> _leaving = [];

    /// <summary>The number of a program; one more endpoint uses it.</summary>
    /// <param name="program">Which.</param>
    /// <param name="direction">Of its packets. Lists are of one direction; without any, the end alone tells.</param>
    public uint Acquire(PolicyProgram program, PolicyDirection direction) =>
        Acquire(program.IsEmpty && !program.PassesOn ? $"nothing {direction}" : program.Identity, () => Render(program, direction));

    /// <summary>The program that drops everything until labels come.</summary>
    public uint AcquireNotLabelled() => Acquire(Names.NotLabelled, () => [new RuleBuilder().Goto(Names.NotLabelled)]);

    public void Release(uint number)
    {
        var program = _byNumber[number];
        if (--program.Users > 0)
        {
            return;
        }

        _byNumber.Remove(number);
        _programs.Remove(program.Identity);
        _leaving[number] = program.Identity;
        ruleset.RemoveElement(Names.Programs, Element(number));
        ruleset.RemoveChain(Names.ProgramChain(number));
    }

    private uint Acquire(string identity, Func<ImmutableArray<NftRule>> render)
    {
        if (!_programs.TryGetValue(identity, out var program))
        {
            program = new(identity, Number(identity));
            _programs.Add(identity, program);
            _byNumber.Add(program.Number, program);
            ruleset.SetChain(Names.ProgramChain(program.Number), render());
            ruleset.AddElement(Names.Programs, Element(program.Number));
        }

        program.Users++;
        return program.Number;
    }

    private static ImmutableArray<NftRule> Render(PolicyProgram program, PolicyDirection direction) =>
    [
        .. program.Lists.Select(l => new RuleBuilder().Jump(Names.ListChain(l))),
        program.PassesOn ? new RuleBuilder().Accept() : new RuleBuilder().Drop(DropReason.ProfileNone, RuleBook.NoProfile(direction)),
    ];

    private static NftElement Element(uint number) => NftElement.Of(NftValue.Native(number), NftVerdict.Goto(Names.ProgramChain(number)));

    private uint Number(string identity)
    {
        var number = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(identity)));
        while (_byNumber.ContainsKey(number) || IsOthers(number, identity))
        {
            number++;
        }

        _leaving.Remove(number);
        return number;
    }

    private bool IsOthers(uint number, string identity)
    {
        foreach (var gone in _leaving.Keys.Where(n => !ruleset.IsLeaving(Names.ProgramChain(n))).ToList())
        {
            _leaving.Remove(gone);
        }

        return _leaving.TryGetValue(number, out var former) && former != identity;
    }

    private sealed class Program(string identity, uint number)
    {
        public string Identity => identity;

        public uint Number => number;

        public int Users { get; set; }
    }
}
