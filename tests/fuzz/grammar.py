"""Pickles by a grammar: honest ones put together anew, and odd ones, of the names that need no
trust.

The same seed gives the same pickles. Values are drawn as a tree and written with operation codes;
some of the bytes are changed at last, so that codes meet what no grammar has.
"""

from __future__ import annotations

import pickle
import random
import struct

ODD_NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    8,
    63,
    64,
    255,
    256,
    624,
    625,
    1 << 15,
    (1 << 31) - 1,
    1 << 31,
    -(1 << 31),
    1 << 33,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
)
DTYPES = (
    "O8 O |O f8 <f8 >f8 f4 i4 i8 u1 b1 S0 S8 U0 U2 V0 V8 V16 V1000 M8 m8 c16 f16 f2 O8,O8 "
    "object T i4,i4"
).split()
UNITS = (b"ns", b"D", b"generic", b"Y", b"as", b"x", "s", None)
GENERATORS = "MT19937 PCG64 PCG64DXSM Philox SFC64".split()


class Grammar:
    """Draws pickles.

    Args:
        seed: of the draw.
        seeds: honest pickles, whose bytes are changed now and then.
        names: names that may be referred to, ``(module, name)``.
    """

    def __init__(self, seed, seeds, names):
        self.draw = random.Random(seed)
        self.seeds = seeds
        self.names = names
        self.memo = 0

    def pickle(self):
        """Return the next pickle."""
        self.memo = 0
        kind = self.draw.random()
        if kind < 0.35:
            return self.changed(self.draw.choice(self.seeds))
        data = b"\x80\x04" + self.value(4) + b"."
        return self.changed(data) if kind > 0.9 else data

    def changed(self, data):
        """Change, cut out, double or exchange a few bytes."""
        found = bytearray(data)
        for _ in range(self.draw.choice((1, 1, 2, 4))):
            place = self.draw.randrange(len(found))
            what = self.draw.randrange(5)
            if what == 0:
                found[place] ^= 1 << self.draw.randrange(8)
            elif what == 1:
                found[place] = self.draw.randrange(256)
            elif what == 2:
                del found[place : place + self.draw.randrange(1, 9)]
            elif what == 3:
                found[place:place] = found[place : place + self.draw.randrange(1, 40)]
            else:
                found[place : place + 8] = struct.pack(
                    "<q", self.draw.choice([n for n in ODD_NUMBERS if -(1 << 63) <= n < 1 << 63])
                )
            if not found:
                return b"."
        return bytes(found)

    # -- values ------------------------------------------------------------------------------------

    def value(self, depth):
        if depth <= 0:
            return self.plain()
        if self.draw.random() < 0.05:
            return self.plain()
        simple = (
            self.plain,
            self.number,
            self.sequence,
            self.table,
            self.name,
            self.call,
            self.deep,
            self.again,
            self.built,
        )
        arrays = (self.array, self.array, self.scalar, self.masked, self.dtype, self.generator)
        return self.draw.choice(
            (*simple, *arrays, self.tree, self.neighbours, self.sparse, self.estimator)
        )(depth - 1)

    def plain(self, _=0):
        return pickle.dumps(
            self.draw.choice(
                (
                    None,
                    True,
                    False,
                    1.5,
                    float("nan"),
                    "",
                    "a",
                    "__class__",
                    "O8",
                    (),
                    [],
                    {},
                    self.odd(),
                )
            ),
            2,
        )[2:-1]  # without its protocol and end

    def odd(self):
        return self.draw.choice(ODD_NUMBERS)

    def dump(self, value):
        """Return the codes that make a value, without puts into the memo."""
        if isinstance(value, bytes):
            return self.raw(value)
        if isinstance(value, tuple):
            return self.tuple(*map(self.dump, value))
        return self.text(value) if isinstance(value, str) else pickle.dumps(value, 2)[2:-1]

    def number(self, _):
        return self.dump(self.odd())

    def text(self, value):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data

    def raw(self, value):
        return b"B" + struct.pack("<I", len(value)) + value

    def tuple(self, *parts):
        return b"(" + b"".join(parts) + b"t"

    def sequence(self, depth):
        parts = b"".join(self.value(depth) for _ in range(self.draw.randrange(4)))
        return self.draw.choice(
            (
                b"(" + parts + b"t",
                b"(" + parts + b"l",
                b"](" + parts + b"e",
                b"\x8f(" + parts + b"\x90",
                b"(" + parts + b"\x91",
            )
        )

    def table(self, depth):
        pairs = b"".join(
            self.value(depth if self.draw.random() < 0.2 else 0) + self.value(depth)
            for _ in range(self.draw.randrange(4))
        )
        return self.draw.choice((b"}(" + pairs + b"u", b"(" + pairs + b"d"))

    def glob(self, path):
        module, _, name = path.rpartition(".")
        return f"c{module}\n{name}\n".encode()

    def name(self, _):
        return self.glob(".".join(self.draw.choice(self.names)))

    def memoized(self, data):
        self.memo += 1
        return data + b"\x94"

    def again(self, _):
        return b"h" + bytes([self.draw.randrange(self.memo)]) if 0 < self.memo < 256 else b"N"

    def call(self, depth):
        arguments = b"(" + b"".join(self.value(depth) for _ in range(self.draw.randrange(4))) + b"t"
        return self.name(0) + arguments + self.draw.choice((b"R", b"\x81", b"R\x94"))

    def built(self, depth):
        return self.call(depth) + self.value(depth) + b"b"

    def deep(self, _):
        return b"N" + b"\x85" * self.draw.choice((3, 30, 3000, 30000))

    # -- arrays ------------------------------------------------------------------------------------

    def dtype(self, depth, honest=None):
        honest = self.draw.random() < 0.5 if honest is None else honest
        spec = self.draw.choice(("f8", "i8", "f4", "b1", "u1") if honest else DTYPES)
        made = self.glob("numpy.dtype") + self.tuple(self.text(spec), b"\x89", b"\x88") + b"R"
        self.memo += 1
        made += b"\x94"
        if honest:
            order = "|" if spec in ("b1", "u1") else "<"
            return (
                made + self.tuple(*map(self.dump, (3, order, None, None, None, -1, -1, 0))) + b"b"
            )
        for _ in range(self.draw.choice((0, 1, 1, 1, 2))):
            inner, fields, names = b"N", b"N", b"N"
            if self.draw.random() < 0.3 and depth > 0:
                inner = self.tuple(
                    self.dtype(depth - 1),
                    self.draw.choice((self.dump((2,)), self.number(0), self.tuple(self.number(0)))),
                )
            if self.draw.random() < 0.3 and depth > 0:
                fields = (
                    b"}" + self.text("a") + self.tuple(self.dtype(depth - 1), self.number(0)) + b"s"
                )
                names = self.draw.choice(
                    (self.tuple(self.text("a")), self.tuple(self.text("b")), b"N", self.text("a"))
                )
            tail = [
                self.dump(self.draw.choice((-1, 8, 16, self.odd()))),
                self.number(0),
                self.dump(self.draw.choice((0, 63, 16, 27, 128, -1))),
            ]
            if self.draw.random() < 0.3:
                unit = self.dump(
                    (
                        self.draw.choice(UNITS),
                        self.odd(),
                        self.draw.choice((1, 0, self.odd())),
                        self.draw.choice((1, 0)),
                    )
                )
                tail.append(self.tuple(b"}", unit))
            made += (
                self.tuple(
                    self.dump(self.draw.choice((3, 4, 1, 0))),
                    self.text(self.draw.choice("|<>=x")),
                    inner,
                    names,
                    fields,
                    *tail,
                )
                + b"b"
            )
        return made

    def shape(self, honest):
        if honest:
            return (self.draw.choice((0, 1, 2)),)
        return tuple(self.draw.choice((1, 2, self.odd())) for _ in range(self.draw.randrange(4)))

    def content(self, shape, size=8):
        count = 1
        for length in shape:
            count *= length
        return bytes(
            self.draw.choice((0, 1, 65, 255)) for _ in range(min(max(count * size, 0), 512))
        )

    def array(self, depth):
        honest = self.draw.random() < 0.5
        shape = self.shape(honest)
        data = self.raw(self.content(shape, self.draw.choice((1, 8))))
        if self.draw.random() < 0.2:
            data = b"(" + b"".join(self.value(depth) for _ in range(self.draw.randrange(4))) + b"l"
        if self.draw.random() < 0.4:
            order = self.text(self.draw.choice("CFKx"))
            return (
                self.glob("numpy._core.numeric._frombuffer")
                + self.tuple(data, self.dtype(depth), self.dump(shape), order)
                + b"R"
            )
        made = (
            self.glob("numpy._core.multiarray._reconstruct")
            + self.tuple(self.glob("numpy.ndarray"), self.dump((0,)), self.raw(b"b"))
            + b"R"
        )
        self.memo += 1
        made += b"\x94"
        for _ in range(self.draw.choice((1, 1, 1, 2, 0))):
            made += (
                self.tuple(
                    self.dump(1),
                    self.dump(shape),
                    self.dtype(depth),
                    self.dump(self.draw.choice((True, False))),
                    data,
                )
                + b"b"
            )
        return made

    def scalar(self, depth):
        return (
            self.glob("numpy._core.multiarray.scalar")
            + self.tuple(self.dtype(depth), self.raw(b"A" * self.draw.choice((0, 1, 4, 8, 16))))
            + b"R"
        )

    def masked(self, depth):
        shape = self.shape(True)
        made = self.glob("numpy.ma.core._mareconstruct")
        made += (
            self.tuple(
                self.glob("numpy.ma.MaskedArray"),
                self.glob("numpy.ndarray"),
                self.dump((0,)),
                self.raw(b"b"),
            )
            + b"R"
        )
        mask = self.raw(b"\x00" * self.draw.choice((0, 1, 2, 8)))
        return (
            made
            + self.tuple(
                self.dump(1),
                self.dump(shape),
                self.dtype(depth),
                b"\x89",
                self.raw(self.content(shape)),
                mask,
                self.value(depth - 1),
            )
            + b"b"
        )

    def generator(self, depth):
        kind = self.draw.choice(GENERATORS)
        maker = self.draw.choice(("__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"))
        named = self.draw.choice(
            (
                self.text(kind),
                self.glob(f"numpy.random._{kind.removesuffix('DXSM').lower()}.{kind}"),
            )
        )
        made = self.glob(f"numpy.random._pickle.{maker}") + self.tuple(named) + b"R"
        inner = b"}(" + b"".join(
            self.text(name) + self.draw.choice((self.number(0), self.array(depth)))
            for name in ("key", "pos", "state", "inc", "counter") if self.draw.random() < 0.8
        ) + b"u"  # fmt: skip
        state = b"}(" + self.text("bit_generator") + self.text(kind) + self.text("state") + inner
        for name in ("has_uint32", "uinteger", "buffer", "buffer_pos", "has_gauss", "gauss"):
            state += self.text(name) + self.draw.choice((self.number(0), self.array(depth)))
        return made + state + b"u" + b"b"

    # -- what predicts -----------------------------------------------------------------------------

    def tree(self, depth):
        made = self.glob("sklearn.tree._tree.Tree")
        made += (
            self.tuple(
                self.dump(self.draw.choice((1, 2, self.odd()))),
                self.array(depth),
                self.dump(self.draw.choice((1, self.odd()))),
            )
            + b"R"
        )
        state = b"}(" + b"".join(
            self.text(name) + self.draw.choice((self.number(0), self.array(depth)))
            for name in ("max_depth", "node_count", "nodes", "values")
        )
        return made + state + b"ub"

    def neighbours(self, depth):
        module, kind = self.draw.choice((("_kd_tree", "KDTree"), ("_ball_tree", "BallTree")))
        made = (
            self.glob(f"sklearn.neighbors.{module}.newObj")
            + self.tuple(self.glob(f"sklearn.neighbors.{module}.{kind}"))
            + b"R"
        )
        return (
            made
            + self.tuple(
                *(self.draw.choice((self.number(0), self.array(depth), b"N")) for _ in range(13))
            )
            + b"b"
        )

    def sparse(self, depth):
        made = (
            self.glob(f"scipy.sparse._{'csr'}.{self.draw.choice(('csr_matrix', 'csr_array'))}")
            + b")\x81"
        )
        state = b"}(" + self.text("_shape") + self.dump((2, 2))
        for name in ("indptr", "indices", "data"):
            state += self.text(name) + self.array(depth)
        return made + state + b"ub"

    def estimator(self, depth):
        """An honest attribute by an odd one: objects of Python's own, which predict with compiled
        code.
        """
        path = self.draw.choice(
            [
                name
                for name in self.names
                if name[0].startswith("sklearn.") and name[1][:1].isupper()
            ]
        )
        state = b"}(" + self.text("n_features_in_") + self.dump(self.draw.choice((1, 2, 4)))
        for name in (
            "tree_",
            "_tree",
            "estimators_",
            "coef_",
            "classes_",
            "_fit_X",
            "cluster_centers_",
            "support_vectors_",
        ):
            if self.draw.random() < 0.4:
                state += self.text(name) + self.value(depth)
        return self.glob(".".join(path)) + b")\x81" + state + b"ub"
